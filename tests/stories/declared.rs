//! People, workstations and papers as a file: what differs is shown, asked, and ordered once.

use std::path::Path;
use std::process::Command;

use lucarne::demo::rehearsal::went_well;
use lucarne::node::act::{Act, Outcome};

use super::process::{Served, served};

/// `lucarne` with these words, as the admin: its exit code and what it says.
fn run(served: &Served, words: &[&str]) -> (i32, String) {
    let session = served.data().join("admin.session");
    let order = serde_json::to_value(served.people.company.admin.orders(Act::WhoAmI)).unwrap();
    std::fs::write(
        &session,
        serde_json::json!({ "login": served.people.company.admin.login, "token": order["token"] }).to_string(),
    )
    .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lucarne"));
    let done = command.env("LUCARNE_CONFIG", &served.config).env("LUCARNE_SESSION", session).args(words).output().unwrap();
    (done.status.code().unwrap(), format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)))
}

fn exported(served: &Served, to: &Path) -> String {
    let (code, text) = run(served, &["export"]);
    assert_eq!(code, 0, "{text}");
    std::fs::write(to, &text).unwrap();
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_is_applied_without_a_difference_and_what_differs_is_ordered_once() {
    let served = served("").await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("people.toml");
    let text = exported(&served, &file);
    let apply = |more: &[&str]| run(&served, &[&["apply", file.to_str().unwrap()], more].concat());
    assert_eq!(apply(&["--check"]), (0, "there is nothing to order\n".to_owned()), "{text}");
    // Somebody joins, another has an address, a machine is known, the runbook is written.
    let more = format!(
        "\n[[account]]\nlogin = \"paul\"\nname = \"Paul Durand\"\nroles = [\"auditor\"]\njob = \"FP-7\"\njob_date = \"2026-01-05\"\n\
         \n[[workstation]]\ncertificate = \"{}\"\nlabel = \" Poste 12\"\nsystem = \"2026-03-01\"\n",
        "AB:".repeat(32).trim_end_matches(':')
    );
    let claire = "login = \"claire\"\n";
    let runbook = format!("[papers.runbook]\nversion = \"3\"\nsha256 = \"{}\"\n\n[[account]]", "cd".repeat(32));
    let changed =
        text.replace(claire, &format!("{claire}mail = \"claire@agence.example\"\n")).replacen("[[account]]", &runbook, 1);
    std::fs::write(&file, changed + &more).unwrap();
    let (code, told) = apply(&["--check"]);
    for line in [
        "+ runbook 3 comes into force",
        "+ the file of claire is brought up to date",
        "+ paul joins as auditor",
        "+ the workstation Poste 12 is known",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert_eq!(code, 5);
    let (code, told) = apply(&[]);
    assert!(code == 1 && told.contains("say --yes"), "{told}");
    let (code, told) = apply(&["--yes"]);
    assert!(code == 0 && told.matches("asked ").count() == 3 && told.contains("half "), "{told}");
    let (code, told) = apply(&["--yes"]);
    assert!(
        code == 0 && told.matches("waits for a second person as r-").count() == 3 && told.contains("nothing to order"),
        "{told}"
    );
    // A second person approves; then the declared day of the update is kept, and nothing is left.
    let (stage, rssi) = (&served.people.stage, &served.people.company.rssi);
    let Outcome::Requests { requests } = rssi.order(stage, Act::ListRequests).await.unwrap() else { panic!("requests") };
    for waiting in requests {
        went_well(rssi.order(stage, Act::Approve { request: waiting.request.id }).await.unwrap()).unwrap();
    }
    let (code, told) = apply(&["--yes"]);
    assert!(code == 0 && told.contains("done      Poste 12 was brought up to date"), "{told}");
    assert_eq!(apply(&["--check"]).0, 0);
    let text = exported(&served, &file);
    assert!(text.contains("claire@agence.example") && text.contains("Poste 12") && text.contains("Paul Durand"), "{text}");
    assert_eq!(apply(&["--check"]), (0, "there is nothing to order\n".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_file_leaves_out_stays_unless_it_is_to_be_pruned_and_what_nothing_reads_is_refused() {
    let served = served("").await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("people.toml");
    let text = exported(&served, &file);
    let apply = |more: &[&str]| run(&served, &[&["apply", file.to_str().unwrap()], more].concat());
    // Claire is left out.
    let at = text.find("login = \"claire\"").unwrap();
    let begins = text[..at].rfind("[[account]]").unwrap();
    let ends = text[at..].find("[[account]]").map_or(text.len(), |n| at + n);
    std::fs::write(&file, format!("{}{}", &text[..begins], &text[ends..])).unwrap();
    let (code, told) = apply(&["--yes"]);
    assert!(code == 0 && told.contains("! with --prune: claire is disabled: not in the file"), "{told}");
    let (code, told) = apply(&["--yes", "--prune"]);
    assert!(code == 0 && told.contains("done      claire is disabled"), "{told}");
    let now = exported(&served, &file);
    assert!(now.contains("disabled = true"), "{now}");
    assert_eq!(apply(&["--check"]).0, 0);
    // A file that does not speak of it leaves it; one that does lets her in again, by two people.
    std::fs::write(&file, &text).unwrap();
    assert_eq!(apply(&["--check"]).0, 0);
    let enabled = text.replace("login = \"claire\"\n", "login = \"claire\"\ndisabled = false\n");
    std::fs::write(&file, &enabled).unwrap();
    let (code, told) = apply(&["--yes"]);
    assert!(code == 0 && told.contains("asked     claire is enabled"), "{told}");
    // What waits is what was asked for, not what looks like it.
    let dpo =
        enabled.replace("login = \"claire\"\ndisabled = false\n", "login = \"claire\"\n").replace("[\"auditor\"]", "[\"dpo\"]");
    std::fs::write(&file, &dpo).unwrap();
    assert!(apply(&["--yes"]).1.contains("asked     claire has other roles: dpo"));
    std::fs::write(&file, dpo.replace("[\"dpo\"]", "[\"crisis\"]")).unwrap();
    let (code, told) = apply(&["--check"]);
    assert!(code == 5 && told.contains("asks for something else; turn it down first"), "{told}");
    let twice = format!("{text}\n[[account]]\nlogin = \"CLAIRE\"\nname = \"x\"\nroles = [\"auditor\"]\n");
    let half = text.replacen("clause_signed =", "# clause_signed =", 1);
    for (wrong, words) in [
        (text.replacen("roles =", "rolls =", 1), "unknown field `rolls`"),
        (twice, "stands there twice"),
        (half, "a clause its clause_signed"),
    ] {
        std::fs::write(&file, wrong).unwrap();
        let (code, told) = apply(&["--check"]);
        assert!(code == 1 && told.contains(words), "{told}");
    }
}

/// Sites, networks and policies: the settings' lines are shown, put in place on the node's machine, and a site's are asked for
/// when the node runs by them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_settings_stand_in_the_file_whole_and_a_sites_take_two_people_again() {
    let mut served = served("").await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("agency.toml");
    let text = exported(&served, &file);
    assert!(text.starts_with("settings = '''\n# A Lucarne node."), "{text}");
    let apply = |served: &Served, more: &[&str]| run(served, &[&["apply", file.to_str().unwrap()], more].concat());
    // What cannot be is not written.
    std::fs::write(&file, text.replace("# max_sessions = 50", "idle_minutes = 99")).unwrap();
    let (code, told) = apply(&served, &["--yes"]);
    assert!(code == 1 && told.contains("viewers.idle_minutes: write a number from 1 to 60"), "{told}");
    let changed = text.replace("# max_sessions = 50", "max_sessions = 7").replace("My demonstration site", "The other building");
    std::fs::write(&file, &changed).unwrap();
    let (code, told) = apply(&served, &["--check"]);
    assert!(code == 5 && told.contains("    + max_sessions = 7") && told.contains("    - # max_sessions = 50"), "{told}");
    let before = std::fs::read_to_string(&served.config).unwrap();
    let (code, told) = apply(&served, &["--yes"]);
    assert!(code == 0 && told.contains("Restart the node, then apply again"), "{told}");
    let now = std::fs::read_to_string(&served.config).unwrap();
    assert!(now.contains("\nmax_sessions = 7"), "{now}");
    assert_eq!(std::fs::read_to_string(served.config.with_extension("toml.before")).unwrap(), before);
    // Nobody is asked about settings that the node does not run by.
    let (code, told) = apply(&served, &["--yes"]);
    assert!(code == 0 && told.contains("restart it, then apply again") && !told.contains("asked"), "{told}");
    served.kill_and_start().await;
    let (code, told) = apply(&served, &["--yes"]);
    assert!(code == 0 && told.contains("asked     the settings of my-site are approved"), "{told}");
    assert!(apply(&served, &["--check"]).1.contains("waits for a second person"));
    let (stage, rssi) = (&served.people.stage, &served.people.company.rssi);
    let Outcome::Requests { requests } = rssi.order(stage, Act::ListRequests).await.unwrap() else { panic!("requests") };
    let request = requests.into_iter().next().unwrap().request.id;
    went_well(rssi.order(stage, Act::Approve { request }).await.unwrap()).unwrap();
    assert_eq!(apply(&served, &["--check"]), (0, "there is nothing to order\n".to_owned()));
    assert_eq!(exported(&served, &file), changed);
}
