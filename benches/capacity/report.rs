//! What was measured, as a table, JSON and a drawing.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

/// One step.
pub struct Row {
    pub count: usize,
    /// From the site to the viewer, in milliseconds.
    pub p50: f64,
    pub p99: f64,
    /// The part of all frames that was seen.
    pub seen: f64,
    /// Cores that were busy with the node, with sites and viewers, and with nothing.
    pub node_cores: f64,
    pub others_cores: f64,
    pub idle_cores: f64,
    /// Of the node, in MiB.
    pub memory: f64,
}

impl Row {
    /// Nearly every change was seen.
    fn is_whole(&self) -> bool {
        self.seen >= 0.98
    }
}

pub struct Curve {
    name: &'static str,
    title: &'static str,
    /// MiB before anybody looked.
    empty: f64,
    rows: Vec<Row>,
}

impl Curve {
    pub fn new(name: &'static str, title: &'static str, empty: f64) -> Self {
        Self { name, title, empty, rows: Vec::new() }
    }

    pub fn head(&self) {
        println!("\n{} (a node that shows nothing has {:.0} MiB)", self.title, self.empty);
        println!(
            "{:>7} {:>8} {:>8} {:>6} {:>11} {:>13} {:>11} {:>8}",
            "count", "p50 ms", "p99 ms", "seen", "node cores", "others cores", "idle cores", "MiB"
        );
    }

    pub fn add(&mut self, row: Row) {
        println!(
            "{:>7} {:>8.1} {:>8.1} {:>5.0}% {:>11.2} {:>13.2} {:>11.2} {:>8.0}",
            row.count,
            row.p50,
            row.p99,
            row.seen * 100.0,
            row.node_cores,
            row.others_cores,
            row.idle_cores,
            row.memory
        );
        self.rows.push(row);
    }

    /// Twice the 99th percentile of the first step.
    fn limit(&self) -> f64 {
        self.rows.first().map_or(f64::NAN, |row| row.p99 * 2.0)
    }

    fn is_beyond(&self, row: &Row) -> bool {
        // What was not seen at all has no delay.
        row.p99 > self.limit() || row.p99.is_nan()
    }

    /// In two steps in a row not all was seen: one may be chance.
    pub fn is_over(&self) -> bool {
        matches!(&self.rows[..], [.., one, other] if !one.is_whole() && !other.is_whole())
    }

    /// The largest step before the delay had doubled.
    fn carries(&self) -> Option<&Row> {
        self.rows.iter().take_while(|row| !self.is_beyond(row)).last()
    }

    /// The largest step in which everything was seen.
    fn shows(&self) -> Option<&Row> {
        self.rows.iter().rev().find(|row| row.is_whole())
    }

    /// MiB for each one more.
    fn memory_each(&self) -> Option<f64> {
        let (first, last) = (self.rows.first()?, self.rows.last()?);
        (last.count > first.count).then(|| (last.memory - first.memory) / (last.count - first.count) as f64)
    }

    fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "count": row.count, "p50_ms": row.p50, "p99_ms": row.p99, "frames_seen": row.seen, "node_cores": row.node_cores,
                "others_cores": row.others_cores, "idle_cores": row.idle_cores, "memory_mib": row.memory,
            })
        };
        json!({
            "of": self.name, "title": self.title, "empty_mib": self.empty, "p99_doubled_ms": self.limit(),
            "carries": self.carries().map(|row| row.count), "shows": self.shows().map(|row| row.count), "memory_each_mib": self.memory_each(),
            "steps": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }

    fn say(&self) {
        let each = self.memory_each().map_or_else(String::new, |each| format!(", {each:.2} MiB each"));
        let (carries, shows) = (self.carries().map_or(0, |row| row.count), self.shows().map_or(0, |row| row.count));
        println!("{}: {carries} before p99 has doubled ({:.1} ms), {shows} see every change{each}", self.title, self.limit());
    }
}

pub fn save(curves: &[Curve]) -> Result<()> {
    println!();
    curves.iter().for_each(Curve::say);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let json: Vec<Value> = curves.iter().map(Curve::json).collect();
    std::fs::write(folder.join("capacity.json"), serde_json::to_string_pretty(&json)?)?;
    std::fs::write(folder.join("capacity.svg"), svg(curves))?;
    println!("{}", folder.join("capacity.svg").display());
    Ok(())
}

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 170.0;
const BAND: f64 = HEIGHT + 80.0;

/// A band for each curve: the 99th percentile and the middle over the count, and the line that ends it.
fn svg(curves: &[Curve]) -> String {
    let height = curves.len() as f64 * BAND + 20.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 680 {height}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n<rect width=\"680\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (n, curve) in curves.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = band(&mut out, curve, n as f64 * BAND + 50.0);
    }
    out + "</svg>\n"
}

fn band(out: &mut String, curve: &Curve, top: f64) -> std::fmt::Result {
    let most = curve.rows.iter().map(|row| row.count).max().unwrap_or(1).max(1) as f64;
    let limit = curve.limit();
    let highest = curve.rows.iter().map(|row| row.p99).filter(|p99| p99.is_finite()).fold(limit, f64::max).min(limit * 3.0);
    let place = |count: f64, delay: f64| (70.0 + count / most * WIDTH, top + HEIGHT - delay.min(highest) / highest * HEIGHT);
    let line = |pick: fn(&Row) -> f64| {
        let points = curve.rows.iter().filter(|row| pick(row).is_finite()).map(|row| place(row.count as f64, pick(row)));
        points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
    };
    writeln!(out, "<text x=\"70\" y=\"{:.0}\" font-size=\"15\">{}</text>", top - 12.0, curve.title)?;
    writeln!(out, "<path d=\"M70 {top}V{:.0}H{:.0}\" fill=\"none\" stroke=\"#888\"/>", top + HEIGHT, 70.0 + WIDTH)?;
    for part in [0.0, 0.5, 1.0] {
        let ((x, _), (_, y)) = (place(part * most, 0.0), place(0.0, part * highest));
        writeln!(out, "<text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{:.0}</text>", top + HEIGHT + 17.0, part * most)?;
        writeln!(out, "<text x=\"62\" y=\"{:.0}\" text-anchor=\"end\">{:.0} ms</text>", y + 4.0, part * highest)?;
    }
    let (_, y) = place(0.0, limit);
    writeln!(out, "<path d=\"M70 {y:.1}h{WIDTH}\" stroke=\"#b5651d\" stroke-dasharray=\"5 4\"/>")?;
    writeln!(
        out,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\" fill=\"#b5651d\">p99, doubled</text>",
        70.0 + WIDTH,
        y - 5.0
    )?;
    writeln!(out, "<polyline points=\"{}\" fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"2\"/>", line(|row| row.p99))?;
    writeln!(out, "<polyline points=\"{}\" fill=\"none\" stroke=\"#1d8a5b\"/>", line(|row| row.p50))?;
    writeln!(out, "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">p99 blue, p50 green</text>", 70.0 + WIDTH, top - 12.0)
}
