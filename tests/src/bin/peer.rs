//! Our library, told what to do: one JSON object a line on standard input, one answer a line on standard output, in the
//! words of the witnesses (`tests/witnesses`). It opens its cache as the apps do, by settings, and keeps it up.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test, seen by whoever started it")]

use std::{
    fs,
    io::{BufRead as _, Write as _},
    path::Path,
};

use absentia::{
    AccessToken, AccountId, ConfidentialClient, Error, LongRunningKey, PendingSignIn, Secret, SignInOptions,
    UserAssertion,
};
use absentia_cache::Partition;
use absentia_config::{Need, Settings};
use serde_json::{Value, json};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let settings = std::env::args().nth(1).unwrap();
    let needs = [Need::TenantId, Need::ClientId, Need::ClientSecret, Need::Store];
    let settings = Settings::load_for(Path::new(&settings), &needs).unwrap();
    let openers = [absentia_redis::opener(), absentia_sqlite::opener()];
    let cache = settings.token_cache(&openers).await.unwrap();
    let client = settings.confidential_client().unwrap().cache(&cache).build().unwrap();
    let upkeep = tokio::spawn(cache.upkeep(std::future::pending()));

    let (sender, mut commands) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let _ = sender.send(line.unwrap());
        }
    });
    let mut peer = Peer { client, pending: None };
    while let Some(line) = commands.recv().await {
        let answer = peer.act(&serde_json::from_str(&line).unwrap()).await.unwrap_or_else(|error| refusal(&error));
        let mut output = std::io::stdout().lock();
        writeln!(output, "{answer}").unwrap();
        output.flush().unwrap();
    }
    upkeep.abort();
}

struct Peer {
    client: ConfidentialClient,
    pending: Option<PendingSignIn>,
}

impl Peer {
    async fn act(&mut self, command: &Value) -> Result<Value, Error> {
        let text = |name: &str| command[name].as_str().unwrap_or_else(|| panic!("{name} is missing"));
        let scopes = command["scopes"].as_array().map(|list| {
            let list: Vec<&str> = list.iter().map(|scope| scope.as_str().unwrap()).collect();
            list.join(" ")
        });
        let scopes = scopes.as_deref().unwrap_or_default();
        let force = command["force"].as_bool().unwrap_or(false);
        let session = || LongRunningKey::new(text("session_key"));
        let client = &self.client;
        let token = match text("do") {
            "begin" => {
                let pending = self.pending.insert(client.begin_sign_in()?);
                let options = SignInOptions::default();
                let url = client.sign_in_url(pending, text("redirect_uri"), scopes, "state", &options);
                return Ok(json!({ "url": url }));
            }
            "redeem" => {
                let pending = self.pending.take().unwrap();
                let code = Secret::new(command["returned"]["code"].as_str().unwrap());
                client.complete_sign_in(&pending, &code, text("redirect_uri"), scopes).await?.token
            }
            "silent" => {
                let account = client.account(&AccountId::parse(text("account_id")).unwrap());
                let mut token = account.token(scopes).await?;
                if force {
                    token = account.token(scopes).instead_of(&token).await?;
                }
                token
            }
            "obo" => client.on_behalf_of(&UserAssertion::unverified(text("assertion"))).token(scopes).await?,
            "start" => {
                let assertion = UserAssertion::unverified(text("assertion"));
                client.start_long_running(&assertion).key(session()?).token(scopes).await?.token
            }
            "continue" => client.long_running(&session()?).token(scopes).await?,
            "stop" => return Ok(json!({ "stopped": client.stop_long_running(&session()?).await? })),
            "sign-out" => {
                let signed_out = client.sign_out(&AccountId::parse(text("account_id")).unwrap()).await?;
                return Ok(json!({ "entries": signed_out.entries }));
            }
            "adopt" => {
                let adopted = client.adopt().await?;
                return Ok(json!({
                    "entries": adopted.entries, "adopted": adopted.adopted, "unreadable": adopted.unreadable,
                }));
            }
            // What the cache makes of an entry's JSON when it writes it.
            "rewrite" => {
                let read = fs::read(text("from")).unwrap();
                let partition = Partition::parse(&read);
                if let Some(partition) = &partition {
                    fs::write(text("to"), partition.to_json()).unwrap();
                }
                return Ok(json!({ "read": partition.is_some() }));
            }
            other => panic!("what is {other:?}?"),
        };
        Ok(answer(&token))
    }
}

fn answer(token: &AccessToken) -> Value {
    let metadata = token.metadata();
    json!({
        "token": token.secret().expose(),
        "source": if metadata.token_source.as_str() == "cache" { "cache" } else { "entra" },
        "level": format!("{:?}", metadata.cache_level),
        "expires_on": token.expires_on().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(),
        "account": token.account().map(|account| account.id.to_string()),
        "username": token.account().map(|account| account.username.clone()),
    })
}

fn refusal(error: &Error) -> Value {
    json!({ "refused": {
        "type": format!("{:?}", error.kind()),
        "error": error.entra().error,
        "aadsts": error.aadsts(),
        "suberror": error.entra().suberror,
        "message": error.to_string(),
    }})
}
