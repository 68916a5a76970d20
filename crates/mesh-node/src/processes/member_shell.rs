//! What one member's seat needs from this machine: its key, its log, its recording.

use crate::disk::FileDisk;
use crate::error::{Fault, NodeError};
use crate::recording::{Heading, RecordedInput, Recorder, RecordingWriter};
use crate::run_folder::RunFolder;
use mesh_asset::{Input, Settings};
use mesh_identity::SecretKey;
use mesh_model::{AssetId, Canonical, MissionTime, SignedEnvelope};
use mesh_sim::lockstep::{Past, Shell};
use mesh_sync::LogStore;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Key, log and recording of one member.
pub(super) struct MemberShell<'a> {
    key: &'a SecretKey,
    log: LogStore<FileDisk>,
    log_path: PathBuf,
    /// None once the recording has ended.
    recorder: Option<Recorder>,
    now: MissionTime,
    /// Entries that reached the log before the recording said so: the process was killed in between.
    ahead: VecDeque<SignedEnvelope>,
    /// Entries persisted since they were last shown.
    persisted: Vec<SignedEnvelope>,
}

/// A member's shell, and what its asset was told before.
pub(super) struct TakenUp<'a> {
    pub(super) shell: MemberShell<'a>,
    pub(super) past: Past,
    /// Counts the processes of this member; the first is 0.
    pub(super) incarnation: u32,
}

impl<'a> MemberShell<'a> {
    /// Opens log and recording in the run folder, as far as an earlier process left any.
    pub(super) fn take_up(
        run: &RunFolder,
        settings: &Settings,
        seed: u64,
        key: &'a SecretKey,
    ) -> Result<TakenUp<'a>, NodeError> {
        let asset = &settings.me;
        let heading = Heading::of(asset, seed);
        let path = run.recording(asset);
        let resumed = RecordingWriter::resume(&path, &heading, &settings.encode())?;
        let past = decoded(&path, &resumed.inputs)?;
        let log_path = run.log(asset);
        let opened = LogStore::open(FileDisk::new(&run.logs()), &format!("{asset}.log"));
        let opened = opened.map_err(|why| NodeError::of_log(&log_path, why))?;
        let told = past.iter().filter(|(_, input)| matches!(input, Input::Persisted { .. })).count();
        if opened.entries.len() < told {
            let why = format!("it has {} entries, of which {told} were acknowledged", opened.entries.len());
            return Err(NodeError::unfit(&log_path, Fault::Malformed { expected: "the whole log", why }));
        }
        // The recording is safe before an entry is written, so at most the last one can be ahead of it.
        if opened.entries.len() > told + 1 {
            let why = format!("the log has {} entries, and the recording leads to {told}", opened.entries.len());
            return Err(NodeError::unfit(&path, Fault::Malformed { expected: "the whole recording", why }));
        }
        let shell = Self {
            key,
            log: opened.store,
            log_path,
            recorder: Some(Recorder::new(resumed.writer)),
            now: past.back().map_or(MissionTime::ZERO, |(now, _)| *now),
            ahead: opened.entries.into_iter().skip(told).collect(),
            persisted: Vec::new(),
        };
        Ok(TakenUp { shell, past, incarnation: resumed.incarnation })
    }

    /// Makes what was recorded safe from a kill of this process. To be called before anything gets out.
    pub(super) fn flush(&mut self) {
        if let Some(Err(broken)) = self.recorder.as_mut().map(|recorder| recorder.flush(self.now)) {
            tracing::error!(%broken, "goes on without a recording");
        }
    }

    /// The entries that were persisted since the last call.
    pub(super) fn take_persisted(&mut self) -> Vec<SignedEnvelope> {
        std::mem::take(&mut self.persisted)
    }

    /// Ends the recording. What is told from here on is not for the asset any more.
    pub(super) fn finish(&mut self) {
        let Some(recorder) = self.recorder.take() else { return };
        let was_broken = recorder.broken().is_some();
        if let Err(broken) = recorder.finish(self.now)
            && !was_broken
        {
            tracing::error!(%broken, "the recording could not be ended");
        }
    }
}

impl Shell for MemberShell<'_> {
    type Error = NodeError;

    fn sign(&mut self, _: &AssetId, unsigned: &[u8]) -> Result<[u8; 64], NodeError> {
        Ok(self.key.sign(unsigned))
    }

    fn persist(&mut self, _: &AssetId, entry: &SignedEnvelope) -> Result<(), NodeError> {
        // What made the asset log this must not be forgotten before the entry is.
        self.flush();
        match self.ahead.pop_front() {
            None => self.log.append(entry).map_err(|why| NodeError::of_log(&self.log_path, why))?,
            Some(there) if there == *entry => {}
            Some(_) => {
                let why = "its last entry is not the one that the recording leads to".to_owned();
                return Err(NodeError::unfit(&self.log_path, Fault::Malformed { expected: "this asset's log", why }));
            }
        }
        self.persisted.push(entry.clone());
        Ok(())
    }

    fn record(&mut self, _: &AssetId, now: MissionTime, input: &Input) -> Result<(), NodeError> {
        self.now = now;
        if let Some(Err(broken)) = self.recorder.as_mut().map(|recorder| recorder.input(now, &input.encode())) {
            tracing::error!(%broken, "goes on without a recording");
        }
        Ok(())
    }
}

fn decoded(path: &Path, inputs: &[RecordedInput]) -> Result<Past, NodeError> {
    let decode = |input: &RecordedInput| {
        let why = |why: mesh_model::DecodeError| format!("input {}: {why}", input.number);
        let malformed = |why| NodeError::unfit(path, Fault::Malformed { expected: "a recording", why });
        Ok((input.now, Input::decode(&input.bytes).map_err(why).map_err(malformed)?))
    };
    inputs.iter().map(decode).collect()
}
