//! Servers that belong together.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::{Server, folder, free_port, wait_until};

/// A server that speaks TLS only, and the authority that signed its certificate.
pub(crate) struct Tls {
    pub(crate) server: Server,
    /// As PEM.
    pub(crate) authority: String,
}

impl Tls {
    /// The certificate bears these names.
    pub(crate) fn start(names: &[&str]) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let (port, folder) = (free_port(), folder());
        fs::write(folder.path().join("server.pem"), certificate.pem()).unwrap();
        fs::write(folder.path().join("server.key"), key.serialize_pem()).unwrap();
        let tls = ["--port", "0", "--tls-port", &port.to_string(), "--tls-auth-clients", "no"];
        let files = ["server.pem", "server.key"].map(|file| folder.path().join(file).to_str().unwrap().to_owned());
        let more = ["--tls-cert-file", &files[0], "--tls-key-file", &files[1], "--tls-ca-cert-file", &files[0]];
        Self { server: Server::start_in(folder, port, &[&tls[..], &more].concat()), authority: authority.pem() }
    }
}

/// Three primaries with a replica each.
pub(crate) struct Cluster(pub(crate) Vec<Server>);

impl Cluster {
    pub(crate) fn start() -> Self {
        // The port between nodes would be 10,000 above the other, which may be none.
        let nodes = (0..6).map(|_| {
            let between = free_port();
            let more = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--cluster-port"];
            (Server::start(&[&more[..], &[&between.to_string()]].concat()), between)
        });
        let nodes: Vec<_> = nodes.collect();
        let addresses: Vec<_> = nodes.iter().map(|(node, between)| format!("{}@{between}", node.address())).collect();
        let mut create = vec!["--cluster", "create"];
        create.extend(addresses.iter().map(String::as_str));
        create.extend(["--cluster-replicas", "1", "--cluster-yes"]);
        let said = nodes[0].0.cli(&create);
        let nodes: Vec<_> = nodes.into_iter().map(|(node, _)| node).collect();
        wait_until(&format!("all nodes know each other and have their replica; redis-cli said: {said}"), || {
            nodes.iter().all(|node| {
                let is_whole = node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok");
                let info = node.cli(&["INFO", "replication"]);
                is_whole && (info.contains("connected_slaves:1") || info.contains("master_link_status:up"))
            })
        });
        Self(nodes)
    }

    pub(crate) fn seeds(&self) -> String {
        self.0.iter().map(Server::address).collect::<Vec<_>>().join(",")
    }
}

/// A primary named `tokens`, its replica, and a sentinel.
pub(crate) struct Sentinels {
    pub(crate) primary: Server,
    pub(crate) replica: Server,
    pub(crate) sentinel: Server,
}

impl Sentinels {
    pub(crate) fn start() -> Self {
        let primary = Server::start(&[]);
        let replica = Server::start(&["--replicaof", "127.0.0.1", &primary.port.to_string()]);
        replica.wait_for_info("replication", "master_link_status:up");
        let (port, folder) = (free_port(), folder());
        let (file, path) = (folder.path().join("sentinel.conf"), folder.path().display());
        let watched = primary.port;
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {path}\nlogfile log\nsentinel monitor tokens 127.0.0.1 {watched} 1\n\
             sentinel down-after-milliseconds tokens 1000\nsentinel failover-timeout tokens 5000\n"
        );
        fs::write(&file, text).unwrap();
        let sentinel = Server::launch(port, folder, &["redis-sentinel", file.to_str().unwrap()]);
        wait_until("the sentinel knows the replica", || {
            sentinel.cli(&["SENTINEL", "REPLICAS", "tokens"]).contains(&replica.port.to_string())
        });
        Self { primary, replica, sentinel }
    }

    pub(crate) fn text(&self) -> String {
        format!("{},serviceName=tokens", self.sentinel.address())
    }
}
