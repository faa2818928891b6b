//! A preset as Markdown.

use super::text::{list, plain, table};
use crate::tables::answer::mark;
use crate::tables::command_line;
use crate::words::figures::{NONE, times};
use crate::words::preset::{Answered, Column, HOW_TO_READ, Workload, depends, findings, title};

/// The whole as Markdown: the answer, what it depends on, and a table for each pair.
pub fn markdown(answered: &Answered) -> String {
    let mut blocks = vec![
        format!("# {}", plain(&title(answered))),
        format!(
            "{} {}, {}. By `{}`.",
            plain(&answered.question),
            plain(&answered.machine),
            plain(&answered.started_at),
            command_line(&answered.command)
        ),
        list(answered.targets().iter().map(|target| plain(target))),
    ];
    let workloads = answered.workloads();
    for pair in answered.pairs() {
        blocks.push(format!("## {} and {}", plain(&pair[0]), plain(&pair[1])));
        blocks.push(list(
            findings(answered, &pair).iter().map(|line| plain(line)),
        ));
        let depends = depends(answered, &pair);
        if !depends.is_empty() {
            blocks.push("What it depends on:".to_owned());
            blocks.push(list(depends.iter().map(|line| plain(line))));
        }
        let head = ["workload", "work"].into_iter();
        let head: Vec<String> = head
            .chain(Column::ALL.map(Column::name))
            .map(str::to_owned)
            .collect();
        let rows = workloads.iter().map(|of| row(of, &pair));
        blocks.push(table(&head, 2, rows));
    }
    let failures = workloads.iter().flat_map(|of| {
        let named = |why: &&str| format!("{}: {}", plain(of.scenario), plain(why));
        of.failures.iter().map(named).collect::<Vec<_>>()
    });
    let failures: Vec<String> = failures.collect();
    if !failures.is_empty() {
        blocks.push("Not measured:".to_owned());
        blocks.push(list(failures.into_iter()));
    }
    blocks.push(plain(HOW_TO_READ));
    blocks.join("\n\n") + "\n"
}

fn row(of: &Workload<'_>, pair: &[String; 2]) -> Vec<String> {
    let cells = Column::ALL.map(|column| match of.compared(column, pair) {
        None => NONE.to_owned(),
        Some(compared) => {
            let [ratio, low, high] = compared.ratio.map(times);
            let [base, head] = &compared.figures;
            plain(&format!(
                "{} {ratio} ({low} to {high}): {base}, {head}",
                mark(compared.verdict)
            ))
        }
    });
    let words = [plain(of.scenario), plain(&of.circumstances())].into_iter();
    words.chain(cells).collect()
}
