//! What SciPy says, for the tests: see `tests/reference/stats.py`.

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Reference {
    pub(super) normal: Vec<NormalPoint>,
    pub(super) student_t: Vec<StudentPoint>,
    pub(super) bca: Vec<BcaCase>,
    pub(super) cliffs_delta: Vec<DominanceCase>,
    pub(super) permutation: Vec<PermutationCase>,
    pub(super) place: Vec<PlaceCase>,
    pub(super) rounds: Vec<RoundsCase>,
    pub(super) quantiles: Vec<QuantileCase>,
    pub(super) changes: Vec<ChangeCase>,
    pub(super) shares: Vec<ShareCase>,
}

#[derive(Deserialize)]
pub(super) struct NormalPoint {
    pub(super) z: f64,
    pub(super) below: f64,
}

#[derive(Deserialize)]
pub(super) struct StudentPoint {
    pub(super) p: f64,
    pub(super) freedom: usize,
    pub(super) t: f64,
}

#[derive(Deserialize)]
pub(super) struct BcaCase {
    pub(super) name: String,
    pub(super) statistic: String,
    pub(super) sample: Vec<f64>,
    pub(super) alpha: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

#[derive(Deserialize)]
pub(super) struct DominanceCase {
    pub(super) name: String,
    pub(super) base: Vec<f64>,
    pub(super) head: Vec<f64>,
    pub(super) delta: f64,
}

#[derive(Deserialize)]
pub(super) struct PermutationCase {
    pub(super) name: String,
    pub(super) base: Vec<f64>,
    pub(super) head: Vec<f64>,
    pub(super) p_value: f64,
}

#[derive(Deserialize)]
pub(super) struct PlaceCase {
    pub(super) name: String,
    pub(super) differences: Vec<f64>,
    pub(super) swapped: Vec<bool>,
    pub(super) p_value: f64,
}

#[derive(Deserialize)]
pub(super) struct RoundsCase {
    pub(super) name: String,
    pub(super) rounds: Vec<Vec<f64>>,
    pub(super) share: f64,
    pub(super) p_value: f64,
}

#[derive(Deserialize)]
pub(super) struct QuantileCase {
    pub(super) name: String,
    pub(super) batches: Vec<Vec<u64>>,
    pub(super) per_10_000: u64,
    pub(super) alpha: f64,
    pub(super) value: u64,
    pub(super) low: u64,
    pub(super) high: Option<u64>,
    pub(super) correlation: f64,
}

#[derive(Deserialize)]
pub(super) struct ShareCase {
    pub(super) hits: u64,
    pub(super) trials: u64,
    pub(super) alpha: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

#[derive(Deserialize)]
pub(super) struct ChangeCase {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
    pub(super) at: usize,
    pub(super) size: f64,
    pub(super) p_value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

pub(super) fn reference() -> Reference {
    serde_json::from_str(include_str!("../../tests/reference/stats.json")).unwrap()
}

/// Holds a figure against SciPy's, to nine digits.
pub(super) fn agree(what: &str, ours: f64, theirs: f64) {
    let near = (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-290);
    assert!(
        near || (ours - theirs).abs() < 1e-12,
        "{what} is {ours}, SciPy says {theirs}"
    );
}
