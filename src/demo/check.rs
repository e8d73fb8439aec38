//! The demonstration, looked at by a real browser: what a person would see is seen, and nothing can be taken away.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::chromium::{Chromium, Shown};
use crate::clock::Clock;

/// Looks at the pages as somebody who was told how to log in; each step is told when it holds.
/// `folder`: the browser's, for as long as it looks.
pub async fn browser_check(url: &str, login: &str, password: &str, folder: &Path, clock: &Clock) -> Result<()> {
    let chromium = Chromium::start("fr", (1280, 720), Shown::Nowhere { density: 1 }, folder, clock).await?;
    chromium.open(url).await?;
    chromium.wait_until("#entry button", "Se connecter").await?;
    chromium.write("[name=login]", login).await?;
    chromium.write("[name=password]", password).await?;
    chromium.click("#login button").await?;
    chromium.wait_until("#engagements", "montré").await?;
    println!("  ok  {login} logs in, and sees what there is to look at");
    chromium.click("#engagements button").await?;
    chromium.wait_until("#state", "en direct").await?;
    chromium.wait_until("#viewer header", "AFFICHAGE SEUL").await?;
    ensure!(moves(&chromium, clock).await?, "the picture does not move");
    println!("  ok  the picture is there, live, and moves");
    let taken = "document.getElementById('canvas').toDataURL(); return 'taken'";
    ensure!(chromium.wait_for(taken).await? == "SecurityError", "a script of the page can read the picture");
    let printed = chromium.print().await?;
    ensure!(!String::from_utf8_lossy(&printed).contains("/Subtype /Image"), "the picture can be printed");
    println!("  ok  no script reads the picture back, and printed the sheet is empty");
    chromium.click("#end").await?;
    chromium.wait_until("#over", "Vous avez mis fin").await?;
    println!("  ok  the session ends in order");
    chromium.close().await
}

/// Whether what is seen changes within some seconds.
async fn moves(chromium: &Chromium, clock: &Clock) -> Result<bool> {
    // Without the bar, whose clock moves by itself.
    chromium.run("document.querySelector('#viewer header').style.visibility = 'hidden'").await?;
    let first = chromium.screenshot().await?;
    let mut changed = false;
    for _ in 0..50 {
        clock.sleep(Duration::from_millis(100)).await;
        changed = chromium.screenshot().await? != first;
        if changed {
            break;
        }
    }
    chromium.run("document.querySelector('#viewer header').style.visibility = ''").await?;
    Ok(changed)
}
