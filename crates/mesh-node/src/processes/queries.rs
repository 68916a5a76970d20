//! What a member is asked about the logs that it holds: whoever runs a robot reads plans and records with their signatures
//! from any member, without its disk.

use mesh_asset::Asset;
use mesh_model::{AssetId, Canonical, Certificate, Payload, PayloadKind, SignedEnvelope};
use mesh_ros::interfaces::cosmosmesh_msgs::msg::SignedEnvelope as Carried;
use mesh_ros::interfaces::cosmosmesh_msgs::srv::{
    GetAuditEntriesRequest, GetAuditEntriesResponse, GetPlanRequest, GetPlanResponse,
};

/// A stretch of an author's log, as far as the member holds it. Of an author that it does not know there is nothing.
pub(super) fn entries(asset: &Asset, request: &GetAuditEntriesRequest) -> GetAuditEntriesResponse {
    let held = AssetId::new(&request.author).map_or(&[][..], |author| asset.entries(&author));
    let first = usize::try_from(request.first).unwrap_or(usize::MAX).min(held.len());
    let count = usize::from(request.count_max).min(COUNT_MAX).min(held.len() - first);
    let mut length = 0;
    let fits = |entry: &&SignedEnvelope| {
        length += entry.unsigned.len() + entry.payload.len();
        length <= LENGTH_MAX
    };
    GetAuditEntriesResponse {
        entries: held[first..first + count].iter().take_while(fits).map(Carried::from).collect(),
        end: held.len() as u64,
    }
}

/// A certified plan with its proof, if the member holds all of it.
pub(super) fn plan(asset: &Asset, request: &GetPlanRequest) -> GetPlanResponse {
    let is_meant = |certificate: &Certificate| request.latest || certificate.epoch.plan == request.plan;
    let certificates = asset.members().flat_map(|author| asset.entries(author)).filter_map(|entry| {
        let certificate = certificate(entry)?;
        is_meant(&certificate).then_some((entry, certificate))
    });
    let Some((entry, certificate)) = certificates.max_by_key(|(_, certificate)| certificate.epoch.clone()) else {
        return GetPlanResponse::default();
    };
    let delta = |(author, sequence, hash): &(AssetId, u64, mesh_model::Hash)| {
        let entry = asset.entries(author).get(usize::try_from(*sequence).ok()?)?;
        (entry.unsigned_hash() == *hash).then(|| Carried::from(entry))
    };
    let Some(deltas) = certificate.deltas.iter().map(delta).collect::<Option<Vec<_>>>() else {
        return GetPlanResponse::default();
    };
    let proof = [Carried::from(entry)].into_iter().chain(deltas).collect();
    GetPlanResponse { found: true, certificate: (&certificate).into(), proof }
}

fn certificate(entry: &SignedEnvelope) -> Option<Certificate> {
    entry.peek().ok().filter(|envelope| envelope.kind == PayloadKind::Certificate)?;
    match Payload::decode(&entry.payload) {
        Ok(Payload::Certificate(certificate)) => Some(certificate),
        _ => None,
    }
}

/// Entries in one answer, at most.
const COUNT_MAX: usize = 1000;
/// Bytes in one answer, at most: a reader takes four times as many.
const LENGTH_MAX: usize = 1 << 20;
