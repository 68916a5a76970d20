//! Tasks, and what each agent alone knows about them, checked on the way in.

use super::worth::{PROFIT_MAX, Worth};
use std::collections::BTreeSet;

/// Most tasks of one problem.
pub const TASKS_MAX: usize = 512;
/// Most agents of one problem.
pub const AGENTS_MAX: usize = 255;
/// Most resources of one agent.
pub const RESOURCES_MAX: usize = 64;
/// Largest weight and capacity.
pub const WEIGHT_MAX: i64 = 1_000_000_000;

/// What everybody knows about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its name, each only once.
    pub name: String,
    /// Whether somebody must do it; at most one agent does in any case.
    pub required: bool,
}

/// What an agent knows about a task that it could do.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// What it earns by it; a cost is negative.
    pub profit: f64,
    /// What it uses of each of its resources, in whole units.
    pub weights: Vec<i64>,
}

/// One agent: what it can do, and how much of it. Nobody else sees this.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentProblem {
    name: String,
    capacities: Vec<i64>,
    choices: Vec<Option<Choice>>,
}

/// A task that this agent can do when it does nothing else.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    /// At most the profit: what assignments are valued with.
    pub(crate) profit: Worth,
    /// At least the profit: what bounds are made of.
    pub(crate) ceiling: Worth,
    /// One entry a resource, none above its capacity.
    pub(crate) weights: Vec<i64>,
}

/// All of it; only tests, benches and whoever drives all agents in one process hold one.
#[derive(Debug, Clone, PartialEq)]
pub struct AssignmentProblem {
    tasks: Vec<Task>,
    agents: Vec<AgentProblem>,
}

/// What is wrong with a problem: the fault of whoever wrote it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AssignmentError {
    /// More of something than its limit.
    #[error("{count} {what} are more than the limit of {limit}")]
    TooMany {
        /// Tasks, agents or resources.
        what: &'static str,
        /// How many there were.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// There are no agents.
    #[error("there is no agent")]
    NoAgents,
    /// A name is used twice.
    #[error("two {what} are called {name}")]
    Duplicate {
        /// Tasks or agents.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// An agent does not say something about every task.
    #[error("agent {agent} speaks of {jobs} tasks where there are {tasks}")]
    Jobs {
        /// The agent.
        agent: String,
        /// How many entries it has.
        jobs: usize,
        /// The number of tasks.
        tasks: usize,
    },
    /// A job does not say what it uses of every resource.
    #[error("agent {agent}, task {task}: {weights} weights for {resources} resources")]
    Weights {
        /// The agent.
        agent: String,
        /// Index of the task.
        task: usize,
        /// How many there are.
        weights: usize,
        /// The number of the agent's resources.
        resources: usize,
    },
    /// A profit is not a number within [`PROFIT_MAX`].
    #[error("agent {agent}, task {task}: a profit of {profit} is not a number within {PROFIT_MAX:e}")]
    Profit {
        /// The agent.
        agent: String,
        /// Index of the task.
        task: usize,
        /// The profit.
        profit: f64,
    },
    /// A weight is negative or above [`WEIGHT_MAX`].
    #[error("agent {agent}, task {task}: a weight of {weight} is not within 0 and {WEIGHT_MAX}")]
    Weight {
        /// The agent.
        agent: String,
        /// Index of the task.
        task: usize,
        /// The weight.
        weight: i64,
    },
    /// A capacity is negative or above [`WEIGHT_MAX`].
    #[error("agent {agent}: a capacity of {capacity} is not within 0 and {WEIGHT_MAX}")]
    Capacity {
        /// The agent.
        agent: String,
        /// The capacity.
        capacity: i64,
    },
    /// A link names an agent that does not exist, or joins one to itself.
    #[error("a link joins {from} and {to} of {agents} agents")]
    Link {
        /// One end.
        from: usize,
        /// The other end.
        to: usize,
        /// The number of agents.
        agents: usize,
    },
    /// Some agent cannot be reached over the links.
    #[error("agent {agent} is not connected with agent 0")]
    Disconnected {
        /// The first of them.
        agent: usize,
    },
    /// Links for another number of agents.
    #[error("links between {links} agents where there are {agents}")]
    LinkedAgents {
        /// Agents that the links know.
        links: usize,
        /// Agents of the problem.
        agents: usize,
    },
}

impl AssignmentProblem {
    /// Checks that the agents speak of the same tasks.
    pub fn new(tasks: Vec<Task>, agents: Vec<AgentProblem>) -> Result<Self, AssignmentError> {
        check_count("tasks", tasks.len(), TASKS_MAX)?;
        check_count("agents", agents.len(), AGENTS_MAX)?;
        check_names("tasks", tasks.iter().map(|task| &task.name))?;
        check_names("agents", agents.iter().map(|agent| &agent.name))?;
        if agents.is_empty() {
            return Err(AssignmentError::NoAgents);
        }
        for agent in &agents {
            if agent.choices.len() != tasks.len() {
                let (agent, jobs) = (agent.name.clone(), agent.choices.len());
                return Err(AssignmentError::Jobs { agent, jobs, tasks: tasks.len() });
            }
        }
        Ok(Self { tasks, agents })
    }

    /// The tasks.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The agents.
    pub fn agents(&self) -> &[AgentProblem] {
        &self.agents
    }

    /// What `holders` earn together; none if an agent holds what it cannot do at the same time.
    pub fn value(&self, holders: &[Option<usize>]) -> Option<Worth> {
        let mut held = vec![Vec::new(); self.agents.len()];
        for (task, holder) in holders.iter().enumerate() {
            if let Some(holder) = holder {
                held.get_mut(*holder)?.push(task);
            }
        }
        self.agents.iter().zip(&held).map(|(agent, tasks)| agent.profit_of(tasks)).sum()
    }
}

impl AgentProblem {
    /// Checks and keeps what an agent knows: one entry a task, none for a task that it cannot do.
    pub fn new(name: &str, capacities: Vec<i64>, jobs: Vec<Option<Job>>) -> Result<Self, AssignmentError> {
        check_count("resources", capacities.len(), RESOURCES_MAX)?;
        check_count("tasks", jobs.len(), TASKS_MAX)?;
        if let Some(capacity) = capacities.iter().find(|capacity| !(0..=WEIGHT_MAX).contains(*capacity)) {
            return Err(AssignmentError::Capacity { agent: name.to_string(), capacity: *capacity });
        }
        let mut choices = Vec::with_capacity(jobs.len());
        for (task, job) in jobs.into_iter().enumerate() {
            choices.push(match job {
                Some(job) => choice(name, task, job, &capacities)?,
                None => None,
            });
        }
        Ok(Self { name: name.to_string(), capacities, choices })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it can do this task when it does nothing else.
    pub fn can(&self, task: usize) -> bool {
        self.choice(task).is_some()
    }

    /// What it earns by doing all of `tasks`; none if it cannot do them at the same time.
    pub fn profit_of(&self, tasks: &[usize]) -> Option<Worth> {
        let mut room = self.capacities.clone();
        let mut profit = Worth::ZERO;
        for task in tasks {
            let choice = self.choice(*task)?;
            profit = profit + choice.profit;
            for (room, weight) in room.iter_mut().zip(&choice.weights) {
                *room -= weight;
            }
        }
        room.iter().all(|room| *room >= 0).then_some(profit)
    }

    /// The largest number of grains of which all its profits are multiples; 0 if it earns nothing anywhere.
    pub fn grain(&self) -> u64 {
        let profits = self.choices.iter().flatten().flat_map(|choice| [choice.profit, choice.ceiling]);
        profits.fold(0, |grain, profit| common_divisor(grain, profit.0.unsigned_abs()))
    }

    pub(crate) fn choice(&self, task: usize) -> Option<&Choice> {
        self.choices.get(task)?.as_ref()
    }

    /// Tasks that it can do, ascending, with what it knows about them.
    pub(crate) fn choices(&self) -> impl Iterator<Item = (usize, &Choice)> {
        self.choices.iter().enumerate().filter_map(|(task, choice)| Some((task, choice.as_ref()?)))
    }

    pub(crate) fn capacities(&self) -> &[i64] {
        &self.capacities
    }
}

/// The largest number that divides both; 0 is divided by everything.
pub(crate) fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What is kept of a job: nothing if it is more than the agent could ever do.
fn choice(agent: &str, task: usize, job: Job, capacities: &[i64]) -> Result<Option<Choice>, AssignmentError> {
    if job.weights.len() != capacities.len() {
        let (weights, resources) = (job.weights.len(), capacities.len());
        return Err(AssignmentError::Weights { agent: agent.to_string(), task, weights, resources });
    }
    if let Some(weight) = job.weights.iter().find(|weight| !(0..=WEIGHT_MAX).contains(*weight)) {
        return Err(AssignmentError::Weight { agent: agent.to_string(), task, weight: *weight });
    }
    let (Some(profit), Some(ceiling)) = (Worth::rounded_down(job.profit), Worth::rounded_up(job.profit)) else {
        return Err(AssignmentError::Profit { agent: agent.to_string(), task, profit: job.profit });
    };
    let fits = job.weights.iter().zip(capacities).all(|(weight, capacity)| weight <= capacity);
    Ok(fits.then_some(Choice { profit, ceiling, weights: job.weights }))
}

fn check_count(what: &'static str, count: usize, limit: usize) -> Result<(), AssignmentError> {
    if count > limit { Err(AssignmentError::TooMany { what, count, limit }) } else { Ok(()) }
}

fn check_names<'a>(what: &'static str, names: impl Iterator<Item = &'a String>) -> Result<(), AssignmentError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(AssignmentError::Duplicate { what, name: name.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(profit: f64, weight: i64) -> Option<Job> {
        Some(Job { profit, weights: vec![weight] })
    }

    fn task(name: &str) -> Task {
        Task { name: name.to_string(), required: true }
    }

    #[test]
    fn bad_input_is_named() {
        let agent = |jobs| AgentProblem::new("rover", vec![10], jobs);
        assert!(matches!(agent(vec![job(f64::NAN, 1)]), Err(AssignmentError::Profit { task: 0, .. })));
        assert!(matches!(agent(vec![None, job(2e6, 1)]), Err(AssignmentError::Profit { task: 1, .. })));
        assert!(matches!(agent(vec![job(1.0, -1)]), Err(AssignmentError::Weight { weight: -1, .. })));
        let two = Some(Job { profit: 1.0, weights: vec![1, 2] });
        assert!(matches!(agent(vec![two]), Err(AssignmentError::Weights { weights: 2, resources: 1, .. })));
        let negative = AgentProblem::new("rover", vec![-1], vec![]);
        assert!(matches!(negative, Err(AssignmentError::Capacity { capacity: -1, .. })));
        let many = AgentProblem::new("rover", vec![1; RESOURCES_MAX + 1], vec![]);
        assert!(matches!(many, Err(AssignmentError::TooMany { what: "resources", .. })));
    }

    #[test]
    fn agents_must_fit_together() {
        let agent = |name: &str| AgentProblem::new(name, vec![10], vec![job(1.0, 1)]).unwrap();
        let problem = |tasks: &[&str], agents: &[&str]| {
            let tasks = tasks.iter().map(|name| task(name)).collect();
            AssignmentProblem::new(tasks, agents.iter().map(|name| agent(name)).collect())
        };
        assert!(problem(&["dig"], &["a", "b"]).is_ok());
        assert!(matches!(problem(&["dig", "dig"], &["a"]), Err(AssignmentError::Duplicate { what: "tasks", .. })));
        assert!(matches!(problem(&["dig"], &["a", "a"]), Err(AssignmentError::Duplicate { what: "agents", .. })));
        assert!(matches!(problem(&["dig", "map"], &["a"]), Err(AssignmentError::Jobs { jobs: 1, tasks: 2, .. })));
        assert_eq!(problem(&["dig"], &[]), Err(AssignmentError::NoAgents));
    }

    #[test]
    fn an_agent_knows_what_it_can_do_at_once() {
        let agent = AgentProblem::new("rover", vec![10], vec![job(3.0, 6), job(4.5, 5), job(1.0, 11), None]).unwrap();
        assert_eq!((agent.can(0), agent.can(2), agent.can(3), agent.can(9)), (true, false, false, false));
        assert_eq!(agent.profit_of(&[1]).map(Worth::value), Some(4.5));
        assert_eq!(agent.profit_of(&[0, 1]), None);
        assert_eq!(agent.profit_of(&[2]), None);
        assert_eq!(agent.grain(), 3 << 19);
    }
}
