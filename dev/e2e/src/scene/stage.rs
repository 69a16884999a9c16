//! What the scene plays on: a PostgreSQL, a broker and a cluster of its own, with nginx in front.

use chat_kafka as kafka;
use chat_services::{Mode, Nginx, Postgres, Redis, Safety};

use crate::services::{blocking, unique};
use crate::{Cluster, balance, program, services};

/// The bus between the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    /// A Redis.
    Redis,
    /// An Apache Kafka.
    Kafka,
}

enum Bus {
    Redis(Redis),
    Kafka(kafka::Broker),
}

/// Everything that runs; dropped, it ends.
pub struct Stage {
    // The nodes end before what they use.
    balancer: Nginx,
    /// The nodes.
    pub cluster: Cluster,
    // Moved to a thread that may block while they start again.
    bus: Option<Bus>,
    database: Option<Postgres>,
}

impl Stage {
    /// Sets it; `None` after noting that `test` is left out.
    pub async fn set(nodes: usize, broker: Broker, test: &str) -> Option<Self> {
        if !services::programs(test, &["postgres", "redis-server", "nginx"]) {
            return None;
        }
        program::open_many_files();
        let (bus, bus_url) = match broker {
            Broker::Redis => {
                let redis = blocking(|| Redis::start(Mode::Alone)).await.unwrap_or_else(|e| panic!("Redis: {e:#}"));
                let url = redis.url();
                (Bus::Redis(redis), url)
            }
            Broker::Kafka => {
                let classpath = services::kafka_classpath(test)?;
                let started = blocking(move || kafka::Broker::start(&classpath, &kafka::Options::default())).await;
                let broker = started.unwrap_or_else(|e| panic!("Kafka: {e:#}"));
                let url = format!("kafka://{}/{}", broker.address(), unique("chat"));
                (Bus::Kafka(broker), url)
            }
        };
        // In earnest: what is acknowledged must survive its crash.
        let database = blocking(|| Postgres::start(Safety::Sync)).await.unwrap_or_else(|e| panic!("PostgreSQL: {e:#}"));
        let url = database.database("chat").unwrap_or_else(|e| panic!("{e:#}"));
        let cluster = Cluster::start(nodes, &url, Some(&bus_url)).await;
        let balancer = balance::nginx("chat.conf", &cluster.addresses(), None).await;
        Some(Self { balancer, cluster, bus: Some(bus), database: Some(database) })
    }

    /// `http://…` of the balancer.
    pub fn front(&self) -> String {
        self.balancer.url()
    }

    /// Kills the bus and starts it again on the same port.
    pub async fn restart_bus(&mut self) {
        let mut bus = self.bus.take().expect("it is put back");
        let (bus, done) = blocking(move || {
            let done = match &mut bus {
                Bus::Redis(redis) => redis.restart(),
                Bus::Kafka(broker) => broker.restart(false),
            };
            (bus, done)
        })
        .await;
        done.unwrap_or_else(|e| panic!("the bus does not come back: {e:#}"));
        self.bus = Some(bus);
    }

    /// Crashes the database and starts it again on the same port.
    pub async fn restart_database(&mut self) {
        let mut database = self.database.take().expect("it is put back");
        let (database, done) = blocking(move || {
            let done = database.restart();
            (database, done)
        })
        .await;
        done.unwrap_or_else(|e| panic!("PostgreSQL does not come back: {e:#}"));
        self.database = Some(database);
    }
}
