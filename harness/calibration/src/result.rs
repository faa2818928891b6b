//! What a calibration found: printed, kept beside the data files, and cited by every run after it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use load::truth::TruthStats;
use model::record::surroundings::{CalibrationRecord, Environment};
use serde::{Deserialize, Serialize};

use crate::case::{Case, Expectation};
use crate::verdict::Verdict;
use process::data_files;
use process::failure::{Explain, Failure};
use process::files;

/// The version of the file's format.
const SCHEMA_VERSION: u32 = 1;

/// Longest calibration that is read, in bytes; one is a few kilobytes.
const MAX_BYTES: usize = 1024 * 1024;

/// The file's name, beside the directory of the data files.
const FILE: &str = "calibration.json";

/// A whole calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The version of this record's schema.
    pub schema_version: u32,
    /// When it began, RFC 3339.
    pub at: String,
    /// The version of bench.
    pub bench_version: String,
    /// The program's hash.
    pub binary_sha256: String,
    /// The kernel.
    pub kernel: String,
    /// The processor.
    pub cpu_model: String,
    /// Whether the long forms were run.
    pub full: bool,
    /// The seed of arrivals and service times.
    pub seed: u64,
    /// Figures by verdict, over all cases.
    pub passed: u32,
    /// Figures that the machine disturbed.
    pub disturbed: u32,
    /// Figures that are wrong.
    pub failed: u32,
    /// Every truth.
    pub cases: Vec<CaseResult>,
}

/// One truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// The server in words.
    pub server: String,
    /// The load in words.
    pub load: String,
    /// As `bench serve truth --behaviour` takes it.
    pub behaviour: String,
    /// Double entry: requests that left the generator, and those that arrived at the server.
    pub sent: u64,
    /// Requests that arrived by the books.
    pub arrived: u64,
    /// Whether both agree, and whether every request that arrived has one fate.
    pub entries: Verdict,
    /// What the machine did meanwhile.
    pub machine: Machine,
    /// Its figures.
    pub figures: Vec<FigureResult>,
}

/// What the machine did meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Share of the time in which generator or server was ready to run and had no core.
    pub withheld_share: f64,
    /// An exchange of one byte between the two cores, without the instrument, before and after.
    pub way_ns_p50: u64,
    /// Its 99th percentile.
    pub way_ns_p99: u64,
    /// How late the server's answers left, by its own books.
    pub server_lateness_ns_p99: Option<u64>,
}

/// One figure, in its unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FigureResult {
    /// The name in records.
    pub figure: String,
    /// The same for people.
    pub words: String,
    /// What it is counted in.
    pub unit: String,
    /// What must be read.
    pub expected: f64,
    /// What it would be over endless time, where chance has a part in `expected`.
    pub law: Option<f64>,
    /// How far the reading may be from that.
    pub tolerance: f64,
    /// What was read.
    pub measured: Option<f64>,
    /// As the server's own books have it.
    pub in_books: Option<f64>,
    /// `measured − in_books`: what is the instrument's, and the way there and back.
    pub instrument_error: Option<f64>,
    /// What that means.
    pub verdict: Verdict,
}

impl FigureResult {
    /// Of what was expected and read.
    pub fn new(
        expectation: &Expectation,
        measured: Option<f64>,
        in_books: Option<f64>,
        verdict: Verdict,
    ) -> Self {
        let figure = expectation.figure;
        Self {
            figure: figure.key(),
            words: figure.words(),
            unit: figure.unit().name().to_owned(),
            expected: expectation.expected,
            law: expectation.law,
            tolerance: expectation.tolerance,
            measured,
            in_books,
            instrument_error: measured
                .zip(in_books)
                .map(|(measured, in_books)| measured - in_books),
            verdict,
        }
    }
}

impl CaseResult {
    /// Of what was expected and read.
    pub fn new(
        case: &Case,
        figures: Vec<FigureResult>,
        sent: u64,
        books: &TruthStats,
        machine: Machine,
    ) -> Self {
        let agree =
            sent == books.arrived && books.arrived == books.answered + books.abandoned + books.owed;
        Self {
            name: case.name.to_owned(),
            server: case.server_words(),
            load: case.load_words(),
            behaviour: books.behaviour.clone(),
            sent,
            arrived: books.arrived,
            entries: if agree {
                Verdict::Passed
            } else {
                Verdict::Failed
            },
            machine,
            figures,
        }
    }

    /// The verdicts on its figures and on its double entry.
    pub fn verdicts(&self) -> impl Iterator<Item = Verdict> + '_ {
        self.figures
            .iter()
            .map(|figure| figure.verdict)
            .chain([self.entries])
    }
}

impl Calibration {
    /// A calibration that began `at` (RFC 3339) on this machine.
    pub fn new(
        at: String,
        environment: &Environment,
        full: bool,
        seed: u64,
        cases: Vec<CaseResult>,
    ) -> Self {
        let count = |wanted: Verdict| {
            let verdicts = cases.iter().flat_map(CaseResult::verdicts);
            let count = verdicts.filter(|&verdict| verdict == wanted).count();
            u32::try_from(count).expect("a table has some dozens of figures")
        };
        Self {
            schema_version: SCHEMA_VERSION,
            at,
            bench_version: env!("CARGO_PKG_VERSION").to_owned(),
            binary_sha256: environment.binary_sha256.clone(),
            kernel: environment.kernel.clone(),
            cpu_model: environment.cpu_model.clone(),
            full,
            seed,
            passed: count(Verdict::Passed),
            disturbed: count(Verdict::Disturbed),
            failed: count(Verdict::Failed),
            cases,
        }
    }

    /// How a run on `environment` cites it; not at all where that is another machine, which a home directory may be shared
    /// with.
    fn cite(&self, environment: &Environment) -> Option<CalibrationRecord> {
        environment
            .has_processor_of(&self.cpu_model)
            .then(|| CalibrationRecord {
                at: self.at.clone(),
                passed: self.passed,
                disturbed: self.disturbed,
                failed: self.failed,
                same_binary: self.binary_sha256 == environment.binary_sha256,
            })
    }
}

/// Keeps a calibration for later runs, in place of the one before, and says where.
pub fn keep(calibration: &Calibration) -> Result<PathBuf, Failure> {
    let path = path()?;
    write(&path, calibration).or_usage(
        || format!("cannot keep the calibration in {}", path.display()),
        "set XDG_CACHE_HOME to a directory that you may write to",
    )?;
    Ok(path)
}

/// The last calibration on this machine, as a run cites it; none where there is none that can be read.
pub fn cited(environment: &Environment) -> Option<CalibrationRecord> {
    read(&path().ok()?)?.cite(environment)
}

fn path() -> Result<PathBuf, Failure> {
    Ok(data_files::default_dir()?.with_file_name(FILE))
}

/// Written beside its place and then moved there: a run that starts meanwhile never reads half of it.
fn write(path: &Path, calibration: &Calibration) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(to_json(calibration).as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn read(path: &Path) -> Option<Calibration> {
    let text = files::read_text(path, MAX_BYTES).ok()?;
    serde_json::from_str(&text)
        .ok()
        .filter(|calibration: &Calibration| calibration.schema_version == SCHEMA_VERSION)
}

/// The calibration as JSON, with a line feed at the end.
pub fn to_json(calibration: &Calibration) -> String {
    let mut json = serde_json::to_string_pretty(calibration).expect("plain data serialises");
    json.push('\n');
    json
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::case::{Form, table};
    use model::measured::summary::Times;

    pub(crate) fn environment() -> Environment {
        Environment {
            cpu_model: "a processor".to_owned(),
            kernel: "Linux 6.1.0".to_owned(),
            binary_sha256: "ab".to_owned(),
            ..Environment::default()
        }
    }

    const MACHINE: Machine = Machine {
        withheld_share: 0.0125,
        way_ns_p50: 82_000,
        way_ns_p99: 412_000,
        server_lateness_ns_p99: Some(61_000),
    };

    /// The frozen case, with one figure of each verdict.
    pub(crate) fn calibration() -> Calibration {
        let cases = table(Form::Short, 1);
        let case = cases.iter().find(|case| case.name == "frozen").unwrap();
        let verdicts = [Verdict::Passed, Verdict::Disturbed, Verdict::Failed];
        let figures = case.expectations(1, Some(200_000_000)).into_iter().skip(2);
        let figures = figures
            .zip(verdicts)
            .map(|(row, verdict)| {
                FigureResult::new(
                    &row,
                    Some(row.expected + 1e6),
                    Some(row.expected + 9e5),
                    verdict,
                )
            })
            .collect();
        let books = TruthStats {
            behaviour: case.behaviour.to_string(),
            arrived: 4_000,
            answered: 4_000,
            abandoned: 0,
            owed: 0,
            span_ns: 4_000_000_000,
            lateness_ns: Times::default(),
            meant_ns: Times::default(),
            did_ns: Times::default(),
            did_ns_counts: Vec::new(),
        };
        let result = CaseResult::new(case, figures, 4_000, &books, MACHINE);
        Calibration::new(
            "2026-11-23T10:15:00Z".to_owned(),
            &environment(),
            false,
            1,
            vec![result],
        )
    }

    #[test]
    fn figures_and_double_entries_are_counted() {
        let all = calibration();
        assert_eq!((all.passed, all.disturbed, all.failed), (2, 1, 1));
    }

    #[test]
    fn books_that_disagree_fail() {
        let cases = table(Form::Short, 1);
        let books = TruthStats {
            behaviour: String::new(),
            arrived: 10,
            answered: 8,
            abandoned: 1,
            owed: 1,
            span_ns: 0,
            lateness_ns: Times::default(),
            meant_ns: Times::default(),
            did_ns: Times::default(),
            did_ns_counts: Vec::new(),
        };
        let entries = |sent, books: &TruthStats| {
            CaseResult::new(&cases[0], Vec::new(), sent, books, MACHINE).entries
        };
        assert_eq!(entries(10, &books), Verdict::Passed);
        assert_eq!(entries(11, &books), Verdict::Failed);
        let lost = TruthStats { owed: 0, ..books };
        assert_eq!(entries(10, &lost), Verdict::Failed);
    }

    #[test]
    fn a_calibration_is_kept_and_cited_by_runs_on_the_same_machine() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bench").join(FILE);
        assert_eq!(read(&path), None);
        write(&path, &calibration()).unwrap();
        let kept = read(&path).unwrap();
        assert_eq!(kept, calibration());
        let cited = kept.cite(&environment()).unwrap();
        assert_eq!(
            (
                cited.passed,
                cited.disturbed,
                cited.failed,
                cited.same_binary
            ),
            (2, 1, 1, true)
        );
        let rebuilt = Environment {
            binary_sha256: "cd".to_owned(),
            ..environment()
        };
        assert!(!kept.cite(&rebuilt).unwrap().same_binary);
        let elsewhere = Environment {
            cpu_model: "another".to_owned(),
            ..environment()
        };
        assert_eq!(kept.cite(&elsewhere), None);
    }

    #[test]
    fn what_cannot_be_read_is_no_calibration() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let later = to_json(&Calibration {
            schema_version: SCHEMA_VERSION + 1,
            ..calibration()
        });
        for text in ["", "{}", "[]", &later, &" ".repeat(MAX_BYTES + 1)] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path), None);
        }
    }
}
