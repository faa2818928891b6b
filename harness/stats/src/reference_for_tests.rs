//! What SciPy says, for the tests: see `tests/reference/stats.py`.

use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Reference {
    pub(crate) normal: Vec<NormalPoint>,
    pub(crate) student_t: Vec<StudentPoint>,
    pub(crate) bca: Vec<BcaCase>,
    pub(crate) cliffs_delta: Vec<DominanceCase>,
    pub(crate) permutation: Vec<PermutationCase>,
    pub(crate) place: Vec<PlaceCase>,
    pub(crate) rounds: Vec<RoundsCase>,
    pub(crate) quantiles: Vec<QuantileCase>,
    pub(crate) changes: Vec<ChangeCase>,
    pub(crate) shares: Vec<ShareCase>,
}

#[derive(Deserialize)]
pub(crate) struct NormalPoint {
    pub(crate) z: f64,
    pub(crate) below: f64,
}

#[derive(Deserialize)]
pub(crate) struct StudentPoint {
    pub(crate) p: f64,
    pub(crate) freedom: usize,
    pub(crate) t: f64,
}

#[derive(Deserialize)]
pub(crate) struct BcaCase {
    pub(crate) name: String,
    pub(crate) statistic: String,
    pub(crate) sample: Vec<f64>,
    pub(crate) alpha: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

#[derive(Deserialize)]
pub(crate) struct DominanceCase {
    pub(crate) name: String,
    pub(crate) base: Vec<f64>,
    pub(crate) head: Vec<f64>,
    pub(crate) delta: f64,
}

#[derive(Deserialize)]
pub(crate) struct PermutationCase {
    pub(crate) name: String,
    pub(crate) base: Vec<f64>,
    pub(crate) head: Vec<f64>,
    pub(crate) p_value: f64,
}

#[derive(Deserialize)]
pub(crate) struct PlaceCase {
    pub(crate) name: String,
    pub(crate) differences: Vec<f64>,
    pub(crate) swapped: Vec<bool>,
    pub(crate) p_value: f64,
}

#[derive(Deserialize)]
pub(crate) struct RoundsCase {
    pub(crate) name: String,
    pub(crate) rounds: Vec<Vec<f64>>,
    pub(crate) share: f64,
    pub(crate) p_value: f64,
}

#[derive(Deserialize)]
pub(crate) struct QuantileCase {
    pub(crate) name: String,
    pub(crate) batches: Vec<Vec<u64>>,
    pub(crate) per_10_000: u64,
    pub(crate) alpha: f64,
    pub(crate) value: u64,
    pub(crate) low: u64,
    pub(crate) high: Option<u64>,
    pub(crate) correlation: f64,
}

#[derive(Deserialize)]
pub(crate) struct ShareCase {
    pub(crate) clusters: Vec<(u64, u64)>,
    pub(crate) alpha: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

#[derive(Deserialize)]
pub(crate) struct ChangeCase {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
    pub(crate) at: usize,
    pub(crate) size: f64,
    pub(crate) p_value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

pub(crate) fn reference() -> Reference {
    serde_json::from_str(include_str!("../tests/reference/stats.json")).unwrap()
}

/// Holds a figure against SciPy's, to nine digits.
pub(crate) fn agree(what: &str, ours: f64, theirs: f64) {
    let near = (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-290);
    assert!(
        near || (ours - theirs).abs() < 1e-12,
        "{what} is {ours}, SciPy says {theirs}"
    );
}
