//! Who surveys what and who relays when: tasks that bind their agent for a stretch of steps.
//!
//! An agent does one thing at a time, so every step is a resource of which it has one. Of the steps only those matter at
//! which some task begins: tasks that overlap anywhere also overlap where the later of them begins.

use super::links::Links;
use super::problem::{AgentProblem, AssignmentError, AssignmentProblem, Job, Task};
use super::solve::{AssignmentSettings, Outcome, solve};
use std::collections::BTreeSet;
use std::ops::Range;

/// What everybody knows about a task of a mission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissionTask {
    /// Its name, each only once: `survey crater 3`, `relay 2`.
    pub name: String,
    /// Whether somebody must do it.
    pub required: bool,
    /// The steps for which it binds whoever does it; if there are none it can be done beside anything.
    pub during: Range<usize>,
}

/// What an agent alone knows.
#[derive(Debug, Clone, PartialEq)]
pub struct MissionAgent {
    /// Its name.
    pub name: String,
    /// Energy that it has for tasks, in whole units.
    pub energy: i64,
    /// One entry a task, none for a task that it cannot do.
    pub duties: Vec<Option<Duty>>,
}

/// A task in the eyes of an agent that can do it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Duty {
    /// What it earns by it; a cost is negative.
    pub profit: f64,
    /// Energy that it takes, in whole units.
    pub energy: i64,
}

/// Assigns the tasks of a mission over links that lose nothing.
pub fn assign(tasks: &[MissionTask], agents: &[MissionAgent], links: &Links) -> Result<Outcome, AssignmentError> {
    let own = agents.iter().map(|agent| agent.problem(tasks)).collect::<Result<Vec<_>, _>>()?;
    let problem = AssignmentProblem::new(tasks.iter().map(Task::from).collect(), own)?;
    solve(&problem, links, AssignmentSettings::default(), &mut |_, _, _| false)
}

/// What a certificate speaks of: the times concern only those who do it.
impl From<&MissionTask> for Task {
    fn from(task: &MissionTask) -> Self {
        Self { name: task.name.clone(), required: task.required }
    }
}

impl MissionAgent {
    /// What this agent brings to the assignment: its energy, and itself at every step.
    pub fn problem(&self, tasks: &[MissionTask]) -> Result<AgentProblem, AssignmentError> {
        if self.duties.len() != tasks.len() {
            let (agent, jobs) = (self.name.clone(), self.duties.len());
            return Err(AssignmentError::Jobs { agent, jobs, tasks: tasks.len() });
        }
        let bound = |task: &&MissionTask| !task.during.is_empty();
        let begins: BTreeSet<usize> = tasks.iter().filter(bound).map(|task| task.during.start).collect();
        let mut capacities = vec![self.energy];
        capacities.extend(begins.iter().map(|_| 1));
        let job = |(duty, task): (&Option<Duty>, &MissionTask)| {
            let duty = (*duty)?;
            let mut weights = vec![duty.energy];
            weights.extend(begins.iter().map(|step| i64::from(task.during.contains(step))));
            Some(Job { profit: duty.profit, weights })
        };
        AgentProblem::new(&self.name, capacities, self.duties.iter().zip(tasks).map(job).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, during: Range<usize>, required: bool) -> MissionTask {
        MissionTask { name: name.to_string(), required, during }
    }

    fn agent(name: &str, energy: i64, duties: &[Option<(f64, i64)>]) -> MissionAgent {
        let duties = duties.iter().map(|duty| duty.map(|(profit, energy)| Duty { profit, energy })).collect();
        MissionAgent { name: name.to_string(), energy, duties }
    }

    fn tasks() -> Vec<MissionTask> {
        vec![
            task("survey rim", 0..4, true),
            task("survey floor", 3..6, true),
            task("relay 1", 0..2, true),
            task("relay 2", 5..8, true),
            task("photograph", 4..5, false),
        ]
    }

    /// The rover alone can survey, but the two surveys overlap: the drone has to take the one that it is worse at.
    #[test]
    fn nobody_does_two_things_at_a_time() {
        let rover =
            agent("rover", 100, &[Some((9.0, 5)), Some((9.0, 5)), Some((1.0, 1)), Some((1.0, 1)), Some((2.0, 1))]);
        let drone = agent("drone", 100, &[Some((3.0, 5)), Some((5.0, 5)), Some((2.0, 1)), Some((2.0, 1)), None]);
        let satellite = agent("satellite", 100, &[None, None, Some((4.0, 1)), Some((4.0, 1)), None]);
        let links = Links::complete(3).unwrap();
        let Outcome::Assigned(report) = assign(&tasks(), &[rover, drone, satellite], &links).unwrap() else {
            panic!("the mission can be done");
        };
        let certificate = report.certificate;
        assert_eq!(certificate.holders, [Some(0), Some(1), Some(2), Some(2), Some(0)]);
        assert_eq!((certificate.value.value(), certificate.gap()), (24.0, 0.0));
    }

    #[test]
    fn a_mission_that_needs_two_rovers_is_proved_impossible_with_one() {
        let rover = agent("rover", 100, &[Some((9.0, 5)), Some((9.0, 5)), Some((1.0, 1)), Some((1.0, 1)), None]);
        let links = Links::complete(1).unwrap();
        let outcome = assign(&tasks(), &[rover], &links).unwrap();
        assert!(matches!(outcome, Outcome::Impossible { .. }), "{outcome:?}");
    }

    #[test]
    fn bad_duties_are_named() {
        let links = Links::complete(1).unwrap();
        let short = agent("rover", 100, &[None]);
        let outcome = assign(&tasks(), &[short], &links);
        assert!(matches!(outcome, Err(AssignmentError::Jobs { jobs: 1, tasks: 5, .. })), "{outcome:?}");
        let negative = agent("rover", 100, &[Some((1.0, -1)), None, None, None, None]);
        let outcome = assign(&tasks(), &[negative], &links);
        assert!(matches!(outcome, Err(AssignmentError::Weight { task: 0, weight: -1, .. })), "{outcome:?}");
    }
}
