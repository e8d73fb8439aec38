//! `lucarne apply FILE` and `lucarne export`: people, workstations and papers as a file.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::declared::{Declared, Held, Step};
use super::print::print;
use super::session::Terminal;
use crate::node::act::{Act, Outcome};

/// There is a difference, or something of it could not be done.
const DIFFERS: u8 = 5;

/// All that a node holds of it; or the answer that kept it from being told.
async fn held(terminal: &Terminal<'_>) -> Result<Result<Held, Outcome>> {
    let oneself = terminal.login();
    let mut held = Held { oneself, accounts: Vec::new(), workstations: Vec::new(), papers: Vec::new(), requests: Vec::new() };
    let lists = [Act::ListAccounts { after: None }, Act::ListWorkstations { after: None }, Act::ListPapers, Act::ListRequests];
    for list in lists {
        let mut next = Some(list);
        while let Some(act) = next {
            let outcome = terminal.ask(act).await?;
            next = outcome.next_page();
            match outcome {
                Outcome::Accounts { accounts, .. } => held.accounts.extend(accounts.into_iter().map(|listed| listed.account)),
                Outcome::Workstations { workstations, .. } => held.workstations.extend(workstations),
                Outcome::Papers { papers } => held.papers = papers,
                Outcome::Requests { requests } => held.requests = requests.into_iter().map(|waiting| waiting.request).collect(),
                other => return Ok(Err(other)),
            }
        }
    }
    Ok(Ok(held))
}

pub(super) async fn export(terminal: &Terminal<'_>) -> Result<ExitCode> {
    match held(terminal).await? {
        Ok(held) => {
            print!("{}", toml::to_string(&Declared::of(&held))?);
            Ok(ExitCode::SUCCESS)
        }
        Err(outcome) => print(&outcome, terminal.out),
    }
}

/// How a file is applied.
#[derive(Clone, Copy)]
pub(super) struct How {
    /// Show what differs, and do nothing.
    pub check: bool,
    /// Without asking.
    pub yes: bool,
    /// Disable and retire what the file does not name.
    pub prune: bool,
}

pub(super) async fn apply(terminal: &Terminal<'_>, file: &Path, how: How) -> Result<ExitCode> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let wanted = Declared::read(&text).map_err(|wrong| anyhow::anyhow!("{} cannot be applied: {wrong}", file.display()))?;
    let held = match held(terminal).await? {
        Ok(held) => held,
        Err(outcome) => return print(&outcome, terminal.out),
    };
    let steps = wanted.differs_from(&held, how.prune);
    let (mut orders, differs) = (Vec::new(), !steps.is_empty());
    for step in steps {
        match step {
            Step::Order { what, act } => {
                println!("+ {what}");
                orders.push((what, act));
            }
            Step::Waits { what, request } => println!("  {what}: waits for a second person as {request}"),
            Step::Note(note) => println!("! {note}"),
        }
    }
    if orders.is_empty() {
        println!("there is nothing to order");
    }
    if how.check {
        return Ok(if differs { ExitCode::from(DIFFERS) } else { ExitCode::SUCCESS });
    }
    if orders.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if !how.yes && !agreed(orders.len())? {
        println!("nothing was done");
        return Ok(ExitCode::from(DIFFERS));
    }
    let mut all_done = true;
    for (what, act) in orders {
        all_done &= one(terminal, &what, *act).await?;
    }
    Ok(if all_done { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

fn agreed(count: usize) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody is there to ask: look with --check, then say --yes");
    }
    print!("Order these {count}? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes", "o", "oui"].contains(&answer.trim().to_lowercase().as_str()))
}

/// Whether it was done, or asked for.
async fn one(terminal: &Terminal<'_>, what: &str, act: Act) -> Result<bool> {
    let outcome = terminal.ask(act).await?;
    match &outcome {
        Outcome::Asked { request, half } => {
            println!("asked     {what}: another person approves it: lucarne request approve {request}");
            if let Some(half) = half {
                println!("half      {half}      (of the one-time code: give it to the person yourself)");
            }
        }
        Outcome::Done { .. } => println!("done      {what}"),
        Outcome::Refused { message, .. } | Outcome::NotDone { message } | Outcome::Failed { message } => {
            eprintln!("lucarne: {what}: {message}");
            return Ok(false);
        }
        _ => {}
    }
    Ok(true)
}
