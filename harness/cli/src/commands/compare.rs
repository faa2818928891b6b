//! `bench compare`: targets of two runs, or of one, compared.

use analysis::between::{RunComparison, between};
use analysis::compare::Policy;
use model::record::verdict::ComparisonVerdict;
use report::charts::{ratios_png, ratios_svg};
use report::tables::loads;

use crate::args::compare::CompareArgs;
use crate::exit::Exit;
use crate::load_text::show_loads;
use crate::terminal::show_between;
use process::failure::Failure;
use runner::stored::{Stored, read};

/// The usual level: targets that are alike are called different one time in twenty at most.
const ALPHA: f64 = 0.05;

/// Compares, and prints the result.
pub(crate) fn run(args: &CompareArgs) -> Result<Exit, Failure> {
    let (base, head) = match (read(&args.base_run)?, read(&args.head_run)?) {
        (Stored::Load(base), Stored::Load(head)) => {
            let compared = loads::loads(&base, &head);
            args.form.print(
                &compared,
                || loads::markdown(&compared),
                || show_loads(&compared),
            );
            return Ok(if args.require_verdict {
                Exit::Inconclusive
            } else {
                Exit::Success
            });
        }
        (base, head) => (base.run(&args.base_run)?, head.run(&args.head_run)?),
    };
    let policy = Policy::new(args.margin / 100.0, ALPHA, base.seed).map_err(Failure::usage_of)?;
    let compared = between(&base, &head, &args.ask(), &policy).map_err(Failure::usage_of)?;
    if let Some(picture) = &args.chart {
        let bytes = picture.format.draw(
            || ratios_svg(&compared, &base, &head),
            || ratios_png(&compared, &base, &head),
        )?;
        picture.write(&bytes)?;
    }
    let markdown = || report::markdown::between::markdown(&compared);
    args.form
        .print(&compared, markdown, || show_between(&compared));
    Ok(if args.require_verdict && lacks_verdict(&compared) {
        Exit::Inconclusive
    } else {
        Exit::Success
    })
}

fn lacks_verdict(compared: &RunComparison) -> bool {
    let inconclusive = ComparisonVerdict::Inconclusive;
    let mut verdicts = compared
        .comparisons
        .iter()
        .map(|comparison| comparison.verdict);
    compared.comparisons.is_empty() || verdicts.any(|verdict| verdict == inconclusive)
}
