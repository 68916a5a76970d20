//! Settings of Zenoh for processes that are to stay small and to survive odd peers: one place for all sessions, those of
//! the local plane here and those of other planes elsewhere.

use serde_json::json;
use std::time::Duration;
use zenoh::Config;

/// The longest message that is taken, in bytes, without what Zenoh puts around it. What is longer is dropped and
/// counted by the reader; what is longer than [`TRANSPORT_LENGTH_MAX`] costs its sender the connection.
pub const PAYLOAD_LENGTH_MAX: usize = crate::cdr::MESSAGE_LENGTH_MAX;

/// The longest message that a transport puts together, in bytes, with what Zenoh puts around it.
pub const TRANSPORT_LENGTH_MAX: usize = PAYLOAD_LENGTH_MAX + 64 * 1024;

/// How long a publisher that may not lose messages waits for a peer that takes nothing, before the connection to that
/// peer is given up. Everybody else waits for no longer than [`DROP_AFTER`].
pub const BLOCK_MAX: Duration = Duration::from_secs(1);

/// How long a publisher that may lose messages waits for room before it loses one. It waits so once; as long as there is
/// no room, it loses further ones at once.
pub const DROP_AFTER: Duration = Duration::from_millis(5);

/// What to set the variable [`RUNTIME_VARIABLE`] to before a process opens its first session: one thread for everything.
///
/// That is little work for one thread, and it is safe. Zenoh 1.10 reads and writes a TLS connection from two tasks without a
/// lock between them (eclipse-zenoh/zenoh issue 2557). On two threads, traffic both ways breaks connections within
/// seconds, and now and then the process dies of it. Nothing must be published on that thread itself, for it does not
/// send while it waits for room: the backend here has a thread of its own for handlers, and a router, which forwards on
/// that thread, is to be given [`ROUTER_RUNTIME`]. Zenoh reads the variable once and only from the environment, so it is
/// for whoever starts the process.
pub const RUNTIME: &str = "(app: (worker_threads: 1, max_blocking_threads: 8), acc: (handover: app), net: (handover: app), \
    tx: (handover: app), rx: (handover: app))";

/// The same for a process with a router: it goes on sending while what it has received waits for room. No TLS there.
pub const ROUTER_RUNTIME: &str = "(app: (worker_threads: 1, max_blocking_threads: 8), acc: (handover: app), \
    net: (handover: app), tx: (worker_threads: 1, max_blocking_threads: 4), rx: (worker_threads: 2, max_blocking_threads: 4))";

/// Tells Zenoh which threads to run.
pub const RUNTIME_VARIABLE: &str = "ZENOH_RUNTIME";

/// Finds nobody by itself, shares no memory, allocates late and little, and limits messages, sessions and waiting. The
/// caller adds the mode and the endpoints.
pub fn lean() -> Config {
    let waits = json!({
        "drop": { "wait_before_drop": DROP_AFTER.as_micros() as u64, "max_wait_before_drop_fragments": 50_000 },
        "block": { "wait_before_close": BLOCK_MAX.as_micros() as u64 },
    });
    let settings = [
        // Peers are named in the settings; nothing is sent to anybody else.
        ("scouting/multicast/enabled", json!(false)),
        ("scouting/gossip/enabled", json!(false)),
        ("scouting/delay", json!(0)),
        // Messages are ordered by numbers of their publishers; nothing here depends on the clocks of several machines.
        ("timestamping/enabled", json!(false)),
        ("adminspace/enabled", json!(false)),
        ("transport/shared_memory/enabled", json!(false)),
        ("transport/unicast/max_sessions", json!(64)),
        ("transport/unicast/accept_pending", json!(32)),
        ("transport/link/tx/batch_size", json!(BATCH_LENGTH)),
        ("transport/link/tx/threads", json!(1)),
        ("transport/link/tx/queue/size/data", json!(BATCHES_QUEUED)),
        ("transport/link/tx/queue/congestion_control", waits),
        ("transport/link/tx/queue/allocation/mode", json!("lazy")),
        ("transport/link/rx/buffer_size", json!(RECEIVE_BUFFER_LENGTH)),
        ("transport/link/rx/max_message_size", json!(TRANSPORT_LENGTH_MAX)),
    ];
    with(Config::default(), settings)
}

/// A client of the router at `endpoint`, `tcp/127.0.0.1:7447`, that has `timeout` for the first connection and comes
/// back by itself whenever the router does.
pub fn client(endpoint: &str, timeout: Duration) -> Config {
    let settings = [
        ("mode", json!("client")),
        ("connect/endpoints", json!([endpoint])),
        // 0 would mean a single attempt.
        ("connect/timeout_ms", json!(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).clamp(1, TIMEOUT_MS_MAX))),
        ("connect/exit_on_failure", json!(true)),
        ("connect/retry", retry()),
    ];
    with(lean(), settings)
}

/// A router that listens on `port` of the loopback interface; 0 stands for a free one.
pub fn router(port: u16) -> Config {
    let settings = [
        ("mode", json!("router")),
        ("listen/endpoints", json!([format!("tcp/127.0.0.1:{port}")])),
        // Nodes of ROS 2 are peers, which find each other through the router.
        ("scouting/gossip/enabled", json!(true)),
    ];
    with(lean(), settings)
}

/// How often a lost connection is tried again.
pub fn retry() -> serde_json::Value {
    json!({ "period_init_ms": 100, "period_max_ms": 1000, "period_increase_factor": 2 })
}

fn with<const N: usize>(mut config: Config, settings: [(&str, serde_json::Value); N]) -> Config {
    for (key, value) in settings {
        config.insert_json5(key, &value.to_string()).expect("the tests insert every one of these settings");
    }
    config
}

/// Length of what is sent at once; longer messages are sent in pieces.
const BATCH_LENGTH: usize = 64 * 1024 - 1;

/// How many of them may wait to be sent, Zenoh's maximum: a megabyte, allocated as it is needed.
const BATCHES_QUEUED: usize = 16;

/// Bytes of the buffer for what comes in over one connection: no less than the longest batch that a peer may send.
const RECEIVE_BUFFER_LENGTH: usize = 64 * 1024 - 1;

/// An hour: whoever waits for longer does so by trying again.
const TIMEOUT_MS_MAX: u64 = 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_settings_are_accepted_and_read_back() {
        let read = |config: &Config, key: &str| config.get_json(key).expect(key);
        let client = client("tcp/127.0.0.1:7447", Duration::from_millis(1500));
        assert_eq!(read(&client, "mode"), "\"client\"");
        assert_eq!(read(&client, "connect/timeout_ms"), "1500");
        assert_eq!(read(&client, "connect/endpoints"), "[\"tcp/127.0.0.1:7447\"]");
        assert_eq!(read(&client, "scouting/multicast/enabled"), "false");
        assert_eq!(read(&client, "transport/link/rx/max_message_size"), TRANSPORT_LENGTH_MAX.to_string());
        assert_eq!(read(&client, "transport/link/tx/queue/congestion_control/block/wait_before_close"), "1000000");
        assert_eq!(read(&client, "transport/link/tx/queue/congestion_control/drop/wait_before_drop"), "5000");
        let router = router(0);
        assert_eq!(read(&router, "listen/endpoints"), "[\"tcp/127.0.0.1:0\"]");
        assert_eq!(read(&router, "scouting/gossip/enabled"), "true");
    }

    #[test]
    fn waiting_for_a_router_is_always_bounded() {
        let timeout = |timeout| client("tcp/127.0.0.1:1", timeout).get_json("connect/timeout_ms").expect("there");
        assert_eq!(timeout(Duration::ZERO), "1");
        assert_eq!(timeout(Duration::MAX), TIMEOUT_MS_MAX.to_string());
    }
}
