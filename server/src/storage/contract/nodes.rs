//! Nodes and their leases; wrong passwords counted for all nodes.

use super::*;
use crate::storage::{Led, NewNode, NodeId};

/// One that no test waits out.
const LONG: Duration = Duration::from_secs(600);

fn node(id: u64) -> NewNode {
    NewNode { id: NodeId(id), address: format!("127.0.0.1:{id}"), version: "1.0.0".into(), bus: "local".into() }
}

async fn live(store: &Arc<dyn Store>) -> Vec<u64> {
    let mut ids: Vec<_> = store.live_nodes().await.unwrap().iter().map(|row| row.node.id.0).collect();
    ids.sort_unstable();
    ids
}

/// Who does not renew is taken out by others, and learns of it.
pub async fn leases_run_out(store: Arc<dyn Store>) {
    // An id with the highest bit set is one like any other.
    let high = u64::MAX - 1;
    store.register_node(node(high), LONG).await.unwrap();
    store.register_node(node(2), LONG).await.unwrap();
    store.register_node(node(3), Duration::ZERO).await.unwrap();
    assert_eq!(live(&store).await, [2, high]);
    let rows = store.live_nodes().await.unwrap();
    let row = rows.iter().find(|row| row.node.id.0 == 2).unwrap();
    assert_eq!(row.node, node(2));
    assert!(row.left > LONG / 2 && row.left <= LONG, "{:?}", row.left);
    assert_eq!(store.reclaim_nodes().await.unwrap(), [NodeId(3)]);
    assert_eq!(store.reclaim_nodes().await.unwrap(), []);
    assert!(!store.renew_node(NodeId(3), LONG).await.unwrap(), "others have taken it out");
    assert!(!store.renew_node(NodeId(4), LONG).await.unwrap(), "it never registered");
    assert!(store.renew_node(NodeId(high), LONG).await.unwrap());
    store.unregister_node(NodeId(2)).await.unwrap();
    store.unregister_node(NodeId(2)).await.unwrap();
    assert_eq!(live(&store).await, [high]);
    store.unregister_node(NodeId(high)).await.unwrap();
    assert_eq!(live(&store).await, [0u64; 0]);
}

/// An outage of the store lets every lease run out: whoever comes back first has lost nothing.
pub async fn a_lease_that_ran_out_is_renewed_until_it_is_taken(store: Arc<dyn Store>) {
    store.register_node(node(1), Duration::ZERO).await.unwrap();
    assert_eq!(live(&store).await, [0u64; 0]);
    assert!(store.renew_node(NodeId(1), LONG).await.unwrap());
    assert_eq!(live(&store).await, [1]);
    assert_eq!(store.reclaim_nodes().await.unwrap(), []);
    store.renew_node(NodeId(1), Duration::ZERO).await.unwrap();
    assert_eq!(store.reclaim_nodes().await.unwrap(), [NodeId(1)]);
}

/// Six at once through two nodes are no more than one after another; another address is another count.
pub async fn guesses_are_counted_together(store: Arc<dyn Store>) {
    let admit = |key: u8, ms| {
        let store = Arc::clone(&store);
        async move { store.admit_guess([key; 32], 5, later(ms)).await.unwrap() }
    };
    let at_once = (0..8).map(|_| tokio::spawn(admit(1, 0)));
    let mut let_in = 0;
    for one in at_once.collect::<Vec<_>>() {
        match one.await.unwrap() {
            Ok(()) => let_in += 1,
            Err(wait) => assert_eq!(wait, Duration::from_secs(60)),
        }
    }
    assert_eq!(let_in, 5);
    assert_eq!(admit(1, 1_000).await, Err(Duration::from_secs(59)));
    assert_eq!(admit(2, 1_000).await, Ok(()), "from elsewhere it goes on");
    assert_eq!(admit(1, 60_000).await, Ok(()));
    assert_eq!(admit(1, 60_000).await, Err(Duration::from_secs(120)));
    store.forgive_guesses([1; 32]).await.unwrap();
    assert_eq!(admit(1, 60_001).await, Ok(()));
    // What is over is taken out with later ones, and begins anew if it was not.
    for key in 3..40 {
        assert_eq!(admit(key, 10_000_000).await, Ok(()));
    }
    for _ in 0..5 {
        assert_eq!(admit(1, 20_000_000).await, Ok(()));
    }
    assert!(admit(1, 20_000_000).await.is_err());
}

/// One node is at each work; another one only when it gives up or its lease has run out.
pub async fn one_node_leads_each_work(store: Arc<dyn Store>) {
    let (a, b) = (NodeId(u64::MAX - 1), NodeId(2));
    for (what, other) in [(Led::Feed, Led::Outgoing), (Led::Outgoing, Led::Feed)] {
        assert!(store.lead(what, a, LONG).await.unwrap());
        assert!(!store.lead(what, b, LONG).await.unwrap());
        assert!(store.lead(what, a, LONG).await.unwrap(), "it stays");
        assert!(store.lead(what, a, Duration::ZERO).await.unwrap());
        assert!(store.lead(what, b, LONG).await.unwrap());
        assert!(!store.lead(what, a, Duration::ZERO).await.unwrap(), "another's is not given up");
        assert!(!store.lead(what, a, LONG).await.unwrap());
        assert!(store.lead(other, a, Duration::ZERO).await.unwrap(), "each has a lease of its own");
        assert!(store.lead(what, b, Duration::ZERO).await.unwrap());
    }
}
