//! CPU against changed pixels: bands of one page scroll, ever higher; a line is fitted, and drawn.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use crate::systems::System;
use crate::work::Work;
use crate::{Viewer, run};

const HEIGHTS: [u16; 6] = [24, 96, 192, 384, 576, 768];

/// Measures Lucarne with one viewer each time, and writes `target/bench/linear.svg`.
pub fn measure(runtime: &tokio::runtime::Runtime) -> Result<()> {
    let mut points = Vec::new();
    for height in HEIGHTS {
        let work = Work::Band(height);
        let row = runtime.block_on(run(work, Viewer::Lossless, System::Lucarne, 1))?;
        let seconds = work.period().as_secs_f64() * f64::from(work.frames());
        let megapixels = 1650.0 * f64::from(height) * row.seen as f64 / 1e6 / seconds;
        points.push((megapixels, row.cpu / seconds));
        println!("{megapixels:6.2} Mpx/s changed: {:5.3} of a core ({}/{} frames)", row.cpu / seconds, row.seen, work.frames());
    }
    let (slope, start, fit) = fitted(&points);
    println!("CPU = {start:.3} + {slope:.5} × Mpx/s, R² = {fit:.4}: {:.1} ms for a megapixel", slope * 1000.0);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/linear.svg");
    std::fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    std::fs::write(&file, drawn(&points, slope, start, fit))?;
    println!("{}", file.display());
    Ok(())
}

/// The line of least squares, and how much of the variance it tells (R²).
fn fitted(points: &[(f64, f64)]) -> (f64, f64, f64) {
    let n = points.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let sum = |term: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(term).sum::<f64>();
    let slope = sum(&|p| (p.0 - x) * (p.1 - y)) / sum(&|p| (p.0 - x).powi(2));
    let start = y - slope * x;
    let fit = 1.0 - sum(&|p| (p.1 - start - slope * p.0).powi(2)) / sum(&|p| (p.1 - y).powi(2));
    (slope, start, fit)
}

fn drawn(points: &[(f64, f64)], slope: f64, start: f64, fit: f64) -> String {
    let most = points.iter().fold((1.0f64, 0.1f64), |most, p| (most.0.max(p.0), most.1.max(p.1)));
    let place = |x: f64, y: f64| (70.0 + x / most.0 * 500.0, 300.0 - y / most.1 * 250.0);
    let mut out = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 620 360\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n<rect width=\"620\" height=\"360\" fill=\"#fff\"/>\n",
    );
    let title = format!("CPU of one lossless viewer: {start:.3} + {:.2} ms × Mpx, R² {fit:.3}", slope * 1000.0);
    // Writing to a string cannot fail.
    let _ = writeln!(out, "<text x=\"70\" y=\"28\" font-size=\"15\">{title}</text>");
    let _ = writeln!(out, "<path d=\"M70 50V300H580\" fill=\"none\" stroke=\"#888\"/>");
    for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let ((x, _), (_, y)) = (place(part * most.0, 0.0), place(0.0, part * most.1));
        let _ = writeln!(out, "<text x=\"{x:.0}\" y=\"318\" text-anchor=\"middle\">{:.1}</text>", part * most.0);
        let _ = writeln!(out, "<text x=\"62\" y=\"{:.0}\" text-anchor=\"end\">{:.2}</text>", y + 4.0, part * most.1);
    }
    let _ = writeln!(
        out,
        "<text x=\"325\" y=\"345\" text-anchor=\"middle\">changed megapixels a second (the ordinate: of one core)</text>"
    );
    let ((x1, y1), (x2, y2)) = (place(0.0, start), place(most.0, start + slope * most.0));
    let _ = writeln!(out, "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"#1f5fa8\" fill=\"none\"/>");
    for (x, y) in points.iter().map(|p| place(p.0, p.1)) {
        let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"#b5651d\"/>");
    }
    out + "</svg>\n"
}
