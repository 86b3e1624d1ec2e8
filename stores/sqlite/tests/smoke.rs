//! A first walk through every trait.

use absentia_sqlite::*;
use absentia_store::*;
use bytes::Bytes;
use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

#[tokio::test]
async fn smoke() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(UNIX_EPOCH + Duration::from_secs(1_790_000_000));
    let config = SqliteConfig::new(dir.path().join("a.db"));
    let s = SqliteStore::create(&config, Arc::new(clock.clone())).await.unwrap();
    SqliteStore::create(&config, Arc::new(clock.clone())).await.unwrap();
    let mut w = s.watch().await.unwrap();
    let k = Key::new("a");
    let Written::Done(v) = s
        .put(
            &k,
            Bytes::from_static(b"x"),
            When::Absent,
            Expiry { sliding: Some(Duration::from_secs(10)), absolute: None },
        )
        .await
        .unwrap()
    else {
        panic!()
    };
    assert_eq!(s.get(&k).await.unwrap().unwrap().version, v);
    clock.advance(Duration::from_secs(6));
    assert!(s.get(&k).await.unwrap().is_some());
    clock.advance(Duration::from_secs(6));
    assert!(s.get(&k).await.unwrap().is_some());
    assert_eq!(w.next().await.unwrap(), [Change::Written(k.clone(), v.clone())]);
    assert!(matches!(s.acquire(&k, "me", Duration::from_secs(1)).await.unwrap(), Acquired::Held(_)));
    let a = Activity {
        client_id: "C".into(),
        account_id: "o.t".into(),
        tenant: "t".into(),
        username: None,
        key: k.clone(),
        kind: GrantKind::Account,
        at: clock.now(),
        sign_in: Some(0),
        expires_at: None,
    };
    assert_eq!(s.record(&a).await.unwrap(), Recorded::Done);
    clock.advance(Duration::from_secs(60));
    let c = s
        .claim(
            &ClaimRequest {
                client_id: "c".into(),
                idle_before: clock.now(),
                pass: None,
                username: None,
                lease: Duration::from_secs(5),
                limit: 3,
            },
            clock.now(),
        )
        .await
        .unwrap();
    assert_eq!(c.len(), 1);
    assert!(AccountStore::renew(&s, &c[0], Duration::from_secs(5), clock.now()).await.is_ok());
    println!("{:?}", s.accounts(&AccountQuery::default()).await.unwrap());
    println!("{:?}", s.revoke("c", "o.t", clock.now()).await.unwrap());
    println!("{:?}", s.sweep_accounts(clock.now() + Duration::from_secs(5), clock.now(), 10).await.unwrap());
    println!("{:?}", s.scan(None, 10).await.unwrap());
    println!("{:?}", s.sweep(10).await.unwrap());
}
