//! The journal, the register of secrets, and the switches that are states.

use std::time::{Duration, Instant};

use absentia_emulator::{Emulator, Endpoint, Outage, SecretKind};
use tokio::io::AsyncWriteExt;

use crate::http::{get, post};
use crate::world::*;

const SCOPE: &str = "openid profile offline_access User.Read";

#[tokio::test]
async fn requests_are_counted_by_user_grant_and_client() {
    let entra = Emulator::start().await;
    let (ada, grace, app) = (entra.user("ada"), entra.user("grace"), entra.app("contoso-web"));
    let tokens = web_tokens(&entra, &ada, SCOPE).await;
    web_tokens(&entra, &grace, SCOPE).await;
    for _ in 0..3 {
        ok(&refresh(&entra, text(&tokens, "refresh_token"), None).await);
    }
    entra.revoke_sessions(&ada);
    refresh(&entra, text(&tokens, "refresh_token"), None).await;
    let bearer = format!("Bearer {}", text(&tokens, "access_token"));
    get(&entra, "/v1.0/me", &[("authorization", &bearer)]).await;
    get(&entra, "/_admin/health", &[]).await;

    let requests = entra.journal().token_requests();
    assert_eq!(requests.count(), 6);
    assert_eq!(requests.clone().of(&ada).count(), 5);
    assert_eq!(requests.clone().of("GRACE@contoso.example").count(), 1);
    assert_eq!(requests.clone().of(&ada).grant("refresh_token").succeeded().count(), 3);
    assert_eq!(requests.clone().client(&app).refused_with(50173).count(), 1);
    assert_eq!(entra.journal().graph_requests().of(&ada).client(&app).count(), 1);
    assert_eq!(entra.journal().requests().count(), 7, "none of /_admin");
    let last = requests.last().unwrap();
    assert_eq!((last.seq, last.endpoint, last.status), (6, Endpoint::Token, Some(400)));
    assert_eq!((last.error.as_deref(), last.aadsts), (Some("invalid_grant"), Some(50173)));
    assert_eq!(last.tenant.as_deref(), Some(entra.tenant_id()));
    let first = requests.iter().next().unwrap();
    assert_eq!(first.resource.as_deref(), Some("Microsoft Graph"));
    assert_eq!(entra.journal().requests().after(5).count(), 2);
}

#[tokio::test]
async fn a_request_whose_client_went_away_was_asked_all_the_same() {
    let entra = Emulator::start().await;
    entra.set_token_delay(Some(Duration::from_secs(3600)));
    let mut socket = tokio::net::TcpStream::connect(entra.addr()).await.unwrap();
    let body = "grant_type=refresh_token&client_id=x";
    let head = format!(
        "POST /{}/oauth2/v2.0/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{body}",
        entra.tenant_id(),
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    while entra.journal().token_requests().count() == 0 {
        tokio::task::yield_now().await;
    }
    drop(socket);
    assert_eq!(entra.journal().token_requests().last().unwrap().status, None);
    entra.stop().await;
}

#[tokio::test]
async fn nothing_secret_is_in_the_journal() {
    let entra = Emulator::start().await;
    let tokens = web_tokens(&entra, &entra.user("ada"), SCOPE).await;
    let code = entra.user("ada").sign_in(&entra.app("contoso-web"), WEB, SCOPE).await.unwrap();
    ok(&refresh(&entra, text(&tokens, "refresh_token"), None).await);
    // Secrets where they do not belong.
    get(&entra, &format!("/v1.0/me?access_token={}", text(&tokens, "access_token")), &[]).await;
    get(&entra, &format!("/{}/oauth2/v2.0/authorize?code={code}", entra.tenant_id()), &[]).await;
    let journal = get(&entra, "/_admin/journal", &[]).await.body;
    let shown = format!("{:?}{journal}", entra.journal());
    let issued = entra.issued();
    for kind in [
        SecretKind::AuthorizationCode,
        SecretKind::AccessToken,
        SecretKind::RefreshToken,
        SecretKind::IdToken,
        SecretKind::SessionCookie,
        SecretKind::ClientSecret,
        SecretKind::Password,
    ] {
        assert!(issued.iter().any(|s| s.kind == kind), "no {kind:?} was remembered");
    }
    for secret in &issued {
        assert!(!shown.contains(&secret.value), "{secret:?} is in the journal");
        assert!(!format!("{secret:?}").contains(&secret.value));
    }
    assert!(journal.contains("/v1.0/me\"") && !journal.contains("access_token="));
}

#[tokio::test]
async fn an_outage_is_a_state() {
    let entra = Emulator::start().await;
    let tokens = web_tokens(&entra, &entra.user("ada"), SCOPE).await;
    entra.set_outage(Some(Outage { status: 503, retry_after: Some(5) }));
    for _ in 0..2 {
        let answer = refresh(&entra, text(&tokens, "refresh_token"), None).await;
        refused(&answer, 503, "temporarily_unavailable", 90033, None);
        assert_eq!(answer.header("retry-after"), Some("5"));
    }
    let metadata = format!("/{}/v2.0/.well-known/openid-configuration", entra.tenant_id());
    assert_eq!(get(&entra, &metadata, &[]).await.status, 503);
    entra.set_outage(Some(Outage { status: 429, retry_after: None }));
    let answer = refresh(&entra, text(&tokens, "refresh_token"), None).await;
    refused(&answer, 429, "temporarily_unavailable", 90055, None);
    assert_eq!(answer.header("retry-after"), None);
    let bearer = format!("Bearer {}", text(&tokens, "access_token"));
    assert_eq!(get(&entra, "/v1.0/me", &[("authorization", &bearer)]).await.status, 200, "Graph is up");
    entra.set_outage(None);
    ok(&refresh(&entra, text(&tokens, "refresh_token"), None).await);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
async fn a_delay_delays_the_token_endpoint_alone() {
    let entra = Emulator::start().await;
    let tokens = web_tokens(&entra, &entra.user("ada"), SCOPE).await;
    entra.set_token_delay(Some(Duration::from_millis(150)));
    let before = Instant::now();
    ok(&refresh(&entra, text(&tokens, "refresh_token"), None).await);
    assert!(before.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
async fn starting_one_is_cheap() {
    let before = Instant::now();
    let entra = Emulator::start().await;
    let took = before.elapsed();
    println!("Emulator::start() took {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    let addr = entra.addr();
    entra.stop().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "it still listens");
}

#[tokio::test]
async fn many_at_once_do_not_share_anything() {
    let (one, two) = (Emulator::start().await, Emulator::start().await);
    one.disable_user(&one.user("ada"));
    web_tokens(&two, &two.user("ada"), SCOPE).await;
    assert_eq!((one.journal().requests().count(), two.journal().requests().count()), (0, 1));
    let answer = post(&one, "/common/oauth2/v2.0/token", &[], &[]).await;
    refused(&answer, 400, "invalid_request", 900_144, None);
}
