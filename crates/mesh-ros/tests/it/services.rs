//! Servers and clients in different processes.

use crate::network::{Network, PATIENCE, eventually};
use mesh_ros::interfaces::cosmosmesh_msgs::srv::{GetPlan, Step, StepRequest, StepResponse};
use mesh_ros::{CallError, Responder};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn echo(request: StepRequest, responder: Responder<Step>) {
    let answer = request.grant.iter().rev().copied().collect();
    responder.answer(&StepResponse { answer }).expect("fits");
}

fn request(number: u8) -> StepRequest {
    StepRequest { grant: vec![number, 0, 255] }
}

#[test]
fn calls_are_answered_by_whom_they_are_for() {
    let network = Network::new();
    let (rover, habitat) = (network.node("rover"), network.node("habitat"));
    let _rover = rover.serve("~/step", echo).expect("serves");
    let _habitat = habitat.serve::<Step>("~/step", |_, responder| responder.refuse("not today")).expect("serves");
    let simulator = network.node("simulator");
    let client = simulator.client::<Step>("rover/step").expect("calls");
    assert!(client.wait_for_server(PATIENCE));
    let answer = client.call_and_wait(&request(7), PATIENCE).expect("an answer");
    assert_eq!(answer.answer, [255, 0, 7]);
    let refused = simulator.client::<Step>("/base/habitat/step").expect("calls");
    assert!(refused.wait_for_server(PATIENCE));
    let service = "/base/habitat/step".to_owned();
    let expect = CallError::Refused { service, reason: "not today".to_owned() };
    assert_eq!(refused.call_and_wait(&request(7), PATIENCE), Err(expect));
    assert_eq!((rover.counters().requests, simulator.counters().calls), (1, 2));
    assert_eq!(simulator.counters().calls_failed, 1);
}

#[test]
fn many_calls_are_under_way_at_once_and_answers_find_theirs() {
    const CALLS: u8 = 200;
    let network = Network::new();
    let (rover, simulator) = (network.node("rover"), network.node("simulator"));
    // The server keeps all requests, then answers the last one first, from another thread.
    let kept: Arc<Mutex<Vec<_>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let _server = rover.serve::<Step>("~/step", move |request, responder| {
        keep.lock().expect("no panic").push((request, responder));
    });
    let client = simulator.client::<Step>("/base/rover/step").expect("calls");
    assert!(client.wait_for_server(PATIENCE));
    let (sender, receiver) = channel();
    for number in 0..CALLS {
        let sender = sender.clone();
        client.call(&request(number), PATIENCE, move |answer| {
            sender.send((number, answer.expect("an answer").answer)).expect("the test listens");
        });
    }
    eventually("all requests arrive", || kept.lock().expect("no panic").len() == usize::from(CALLS));
    for (request, responder) in kept.lock().expect("no panic").drain(..).rev() {
        echo(request, responder);
    }
    let mut answers: Vec<(u8, Vec<u8>)> =
        (0..CALLS).map(|_| receiver.recv_timeout(PATIENCE).expect("an answer")).collect();
    answers.sort();
    assert_eq!(answers, (0..CALLS).map(|number| (number, vec![255, 0, number])).collect::<Vec<_>>());
}

#[test]
fn several_clients_call_at_the_same_time() {
    let network = Network::new();
    let rover = network.node("rover");
    let _server = rover.serve("~/step", echo).expect("serves");
    std::thread::scope(|scope| {
        for number in 0..4 {
            let simulator = network.node(&format!("simulator_{number}"));
            scope.spawn(move || {
                let client = simulator.client::<Step>("/base/rover/step").expect("calls");
                assert!(client.wait_for_server(PATIENCE));
                for _ in 0..100 {
                    let answer = client.call_and_wait(&request(number), PATIENCE).expect("an answer");
                    assert_eq!(answer.answer, [255, 0, number]);
                }
            });
        }
    });
    assert_eq!(rover.counters().requests, 400);
}

#[test]
fn nobody_is_waited_for_who_is_not_there() {
    let network = Network::new();
    let client = network.node("simulator").client::<Step>("/base/rover/step").expect("calls");
    assert!(!client.wait_for_server(Duration::from_millis(1)));
    let started = Instant::now();
    let found = client.call_and_wait(&request(1), PATIENCE);
    assert_eq!(found, Err(CallError::Unanswered { service: "/base/rover/step".to_owned() }));
    assert!(started.elapsed() < PATIENCE);
}

#[test]
fn a_server_that_says_nothing_is_waited_for_as_long_as_asked() {
    let network = Network::new();
    let (rover, simulator) = (network.node("rover"), network.node("simulator"));
    let kept: Arc<Mutex<Vec<_>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let server = rover.serve::<Step>("~/step", move |_, responder| keep.lock().expect("no panic").push(responder));
    let client = simulator.client::<Step>("/base/rover/step").expect("calls");
    assert!(client.wait_for_server(PATIENCE));
    let waited = Duration::from_millis(300);
    let service = "/base/rover/step".to_owned();
    let started = Instant::now();
    let found = client.call_and_wait(&request(1), waited);
    assert_eq!(found, Err(CallError::TimedOut { service: service.clone(), waited }));
    assert!((waited..PATIENCE).contains(&started.elapsed()), "{:?}", started.elapsed());
    // An answer that is too late goes nowhere; a responder that is dropped says so.
    eventually("the request arrives", || !kept.lock().expect("no panic").is_empty());
    let responder = kept.lock().expect("no panic").pop().expect("it is there");
    responder.answer(&StepResponse::default()).expect("fits");
    let (sender, receiver) = channel();
    client.call(&request(2), PATIENCE, move |answer| sender.send(answer).expect("the test listens"));
    eventually("the request arrives", || kept.lock().expect("no panic").pop().is_some());
    let reason = "the server gave no answer".to_owned();
    assert_eq!(receiver.recv_timeout(PATIENCE), Ok(Err(CallError::Refused { service: service.clone(), reason })));
    // The server's process ends with the request in hand.
    let (sender, receiver) = channel();
    client.call(&request(3), PATIENCE, move |answer| sender.send(answer.is_err()).expect("the test listens"));
    eventually("the request arrives", || !kept.lock().expect("no panic").is_empty());
    drop((server, rover));
    assert_eq!(receiver.recv_timeout(PATIENCE), Ok(true));
}

#[test]
fn a_client_of_another_type_finds_no_server() {
    let network = Network::new();
    let (rover, simulator) = (network.node("rover"), network.node("simulator"));
    let _server = rover.serve("~/step", echo).expect("serves");
    let client = simulator.client::<GetPlan>("/base/rover/step").expect("calls");
    let right = simulator.client::<Step>("/base/rover/step").expect("calls");
    assert!(right.wait_for_server(PATIENCE) && !client.wait_for_server(Duration::from_millis(1)));
    let found = client.call_and_wait(&Default::default(), PATIENCE);
    assert!(matches!(found, Err(CallError::Unanswered { .. })), "{found:?}");
    assert_eq!(simulator.graph().mismatches().len(), 1);
}
