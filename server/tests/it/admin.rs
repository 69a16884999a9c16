//! Admins, over REST and from the command line through the running server.

use reqwest::Method;
use serde_json::json;

use super::world::{PASSWORD, World, answer, no, refused};

#[tokio::test]
async fn the_admin_routes_are_for_admins() {
    let w = World::start().await;
    let (root, ana) = (w.admin("root").await, w.user("ana").await);
    for path in ["/admin/users", "/admin/bans", "/admin/invites", "/admin/audit"] {
        assert_eq!(refused(ana.get(path).await), no(403, "forbidden", ""), "{path}");
        assert_eq!(root.get(path).await.0, 200, "{path}");
    }
    let (_, users) = root.get("/admin/users?query=an").await;
    assert_eq!(users["users"][0]["user"]["name"], "ana");
    assert_eq!(root.put("/admin/users/ana", json!({"role": "admin"})).await.0, 204);
    assert_eq!(ana.get("/admin/audit").await.0, 200);
    assert_eq!(refused(root.put("/admin/users/nobody", json!({"role": "admin"})).await).1, "not_found");
    assert_eq!(refused(root.put("/admin/users/ana", json!({"role": "king"})).await), no(400, "invalid", "role"));
    w.stop().await;
}

#[tokio::test]
async fn a_ban_from_the_server_ends_everything() {
    let w = World::start().await;
    let (root, eve) = (w.admin("root").await, w.user("eve").await);
    assert_eq!(answer(root.request(Method::PUT, "/admin/bans/eve")).await.0, 204);
    let refusal = refused(eve.get("/me").await);
    assert!(refusal.0 == 401 || refusal.0 == 403, "{refusal:?}");
    let login = w.call(Method::POST, "/api/v1/auth/login", json!({"name": "eve", "password": PASSWORD})).await;
    assert_eq!(refused(login).1, "banned");
    let (_, bans) = root.get("/admin/bans").await;
    assert_eq!(bans["users"][0]["user"]["name"], "eve");
    assert_eq!(root.delete("/admin/bans/eve").await.0, 204);
    let login = w.call(Method::POST, "/api/v1/auth/login", json!({"name": "eve", "password": PASSWORD})).await;
    assert_eq!(login.0, 200);
    w.stop().await;
}

#[tokio::test]
async fn an_invitation_is_listed_without_its_code_and_taken_back() {
    let w = World::start().await;
    let root = w.admin("root").await;
    let (_, made) = root.post("/admin/invites", json!({"uses": 2})).await;
    let (_, listed) = root.get("/admin/invites").await;
    assert!(!listed.to_string().contains(made["code"].as_str().unwrap()));
    let id = listed["invites"][0]["id"].as_str().unwrap();
    assert_eq!(root.delete(&format!("/admin/invites/{id}")).await.0, 204);
    assert_eq!(refused(root.delete(&format!("/admin/invites/{id}")).await).1, "not_found");
    w.stop().await;
}
