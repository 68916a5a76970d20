//! Who is there: the nodes, publishers, subscribers, servers and clients that a backend has heard of.

use crate::name::FullName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What an entry of the graph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A node.
    Node,
    /// It publishes on a topic.
    Publisher,
    /// It subscribes to a topic.
    Subscriber,
    /// It answers a service.
    Server,
    /// It calls a service.
    Client,
}

/// An entry of the graph, as a peer describes itself. Nothing is proved by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entity {
    /// What it is.
    pub role: Role,
    /// Absolute name of its node: `/base/rover`.
    pub node: String,
    /// Absolute name of its topic or service; empty for a node.
    pub name: String,
    /// Its type as DDS names it: `std_msgs::msg::dds_::Header_`; empty for a node.
    pub dds_type: String,
    /// Hash of the type; empty for a node.
    pub type_hash: String,
    /// Quality of service as it is written in the graph; empty for a node.
    pub qos: String,
}

/// Names under which messages cannot meet, because types differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The topic or service.
    pub name: String,
    /// The entities of one type each, in order of the types.
    pub entities: Vec<Entity>,
}

/// The entries that are there.
#[derive(Debug, Default)]
pub struct Graph {
    /// By a key of the backend's.
    entities: Mutex<BTreeMap<String, Entity>>,
    changed: Condvar,
}

/// Entries beyond this many are not kept: a peer can make up as many as it likes.
pub const ENTITIES_MAX: usize = 20_000;

impl Graph {
    /// An entity came. Returns whether it is kept.
    pub fn insert(&self, key: String, entity: Entity) -> bool {
        let mut entities = self.lock();
        if entities.len() >= ENTITIES_MAX {
            return false;
        }
        entities.insert(key, entity);
        drop(entities);
        self.changed.notify_all();
        true
    }

    /// An entity left.
    pub fn remove(&self, key: &str) {
        self.lock().remove(key);
        self.changed.notify_all();
    }

    /// Only the entities under keys for which `stays` holds are left.
    pub fn retain(&self, stays: impl Fn(&str) -> bool) {
        self.lock().retain(|key, _| stays(key));
        self.changed.notify_all();
    }

    /// Everything that is there.
    pub fn entities(&self) -> Vec<Entity> {
        self.lock().values().cloned().collect()
    }

    /// The absolute names of all nodes, sorted; a name that two nodes have is there twice.
    pub fn nodes(&self) -> Vec<String> {
        let mut nodes: Vec<String> = self.select(|entity| entity.role == Role::Node, |entity| entity.node.clone());
        nodes.sort();
        nodes
    }

    /// Topics with their types, sorted.
    pub fn topics(&self) -> Vec<(String, String)> {
        self.names(|role| matches!(role, Role::Publisher | Role::Subscriber))
    }

    /// Services with their types, sorted.
    pub fn services(&self) -> Vec<(String, String)> {
        self.names(|role| matches!(role, Role::Server | Role::Client))
    }

    /// How many entities have this role for `name`.
    pub fn count(&self, role: Role, name: &FullName) -> usize {
        self.lock().values().filter(|entity| entity.role == role && entity.name == name.as_str()).count()
    }

    /// Names that are used with more than one type: the silence that users wonder about.
    pub fn mismatches(&self) -> Vec<Mismatch> {
        let mut by_name: BTreeMap<(bool, String), BTreeMap<(String, String), Entity>> = BTreeMap::new();
        for entity in self.lock().values().filter(|entity| entity.role != Role::Node) {
            let service = matches!(entity.role, Role::Server | Role::Client);
            let types = by_name.entry((service, entity.name.clone())).or_default();
            types.entry((entity.dds_type.clone(), entity.type_hash.clone())).or_insert_with(|| entity.clone());
        }
        let several = by_name.into_iter().filter(|(_, types)| types.len() > 1);
        several.map(|((_, name), types)| Mismatch { name, entities: types.into_values().collect() }).collect()
    }

    /// Waits until at least `count` entities have this role for `name` and the given type hash. Returns whether they
    /// came in time.
    pub fn wait_for(&self, role: Role, name: &FullName, type_hash: &str, count: usize, timeout: Duration) -> bool {
        let wanted =
            |entity: &Entity| entity.role == role && entity.name == name.as_str() && entity.type_hash == type_hash;
        self.wait_until(count, wanted, timeout)
    }

    /// Waits until a node of this absolute name is there. Returns whether it came in time.
    pub fn wait_for_node(&self, node: &str, timeout: Duration) -> bool {
        self.wait_until(1, |entity| entity.role == Role::Node && entity.node == node, timeout)
    }

    fn wait_until(&self, count: usize, wanted: impl Fn(&Entity) -> bool, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut entities = self.lock();
        loop {
            if entities.values().filter(|entity| wanted(entity)).count() >= count {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.changed.wait_timeout(entities, left);
            entities = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn names(&self, wanted: impl Fn(Role) -> bool) -> Vec<(String, String)> {
        let names =
            self.select(|entity| wanted(entity.role), |entity| (entity.name.clone(), ros_type(&entity.dds_type)));
        let unique: BTreeSet<_> = names.into_iter().collect();
        unique.into_iter().collect()
    }

    fn select<T>(&self, wanted: impl Fn(&Entity) -> bool, take: impl Fn(&Entity) -> T) -> Vec<T> {
        self.lock().values().filter(|entity| wanted(entity)).map(take).collect()
    }

    /// No code panics while it holds the lock, so a poisoned one still guards a whole graph.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entity>> {
        self.entities.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `std_msgs::msg::dds_::Header_` as ROS says it: `std_msgs/msg/Header`.
fn ros_type(dds: &str) -> String {
    dds.replace("::dds_::", "/").replace("::", "/").trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(role: Role, name: &str, hash: &str) -> Entity {
        Entity {
            role,
            node: "/base/rover".to_owned(),
            name: name.to_owned(),
            dds_type: "std_msgs::msg::dds_::Header_".to_owned(),
            type_hash: hash.to_owned(),
            qos: String::new(),
        }
    }

    #[test]
    fn types_are_named_as_in_ros() {
        assert_eq!(ros_type("std_msgs::msg::dds_::Header_"), "std_msgs/msg/Header");
        assert_eq!(ros_type("cosmosmesh_msgs::srv::dds_::Step_"), "cosmosmesh_msgs/srv/Step");
    }

    #[test]
    fn different_types_under_one_name_are_named() {
        let graph = Graph::default();
        graph.insert("1".to_owned(), entity(Role::Publisher, "/a", "RIHS01_1"));
        graph.insert("2".to_owned(), entity(Role::Subscriber, "/a", "RIHS01_1"));
        graph.insert("3".to_owned(), entity(Role::Server, "/a", "RIHS01_3"));
        assert_eq!(graph.mismatches(), []);
        graph.insert("4".to_owned(), entity(Role::Subscriber, "/a", "RIHS01_2"));
        let [found] = graph.mismatches().try_into().expect("one mismatch");
        assert_eq!((found.name.as_str(), found.entities.len()), ("/a", 2));
        graph.remove("4");
        assert_eq!(graph.mismatches(), []);
    }

    #[test]
    fn waiting_ends_when_they_come_or_time_is_over() {
        let graph = Graph::default();
        let name = FullName::new("/a").expect("a name");
        let wait = |count, timeout| graph.wait_for(Role::Subscriber, &name, "RIHS01_1", count, timeout);
        assert!(wait(0, Duration::ZERO));
        assert!(!wait(1, Duration::from_millis(1)));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wait(2, Duration::from_secs(60)));
            graph.insert("1".to_owned(), entity(Role::Subscriber, "/a", "RIHS01_1"));
            graph.insert("2".to_owned(), entity(Role::Subscriber, "/a", "RIHS01_2"));
            graph.insert("3".to_owned(), entity(Role::Subscriber, "/a", "RIHS01_1"));
            assert!(waiting.join().expect("no panic"));
        });
        assert_eq!(graph.count(Role::Subscriber, &name), 3);
    }

    #[test]
    fn a_peer_cannot_fill_the_memory() {
        let graph = Graph::default();
        let kept = (0..ENTITIES_MAX + 5).filter(|i| graph.insert(i.to_string(), entity(Role::Node, "", ""))).count();
        assert_eq!((kept, graph.nodes().len()), (ENTITIES_MAX, ENTITIES_MAX));
    }
}
