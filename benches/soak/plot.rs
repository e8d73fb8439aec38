//! A plot as SVG: some lines over time, each on its own scale.

use std::fmt::Write;

pub struct Line<'a> {
    pub name: &'a str,
    pub colour: &'a str,
    pub values: Vec<f64>,
}

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 120.0;

/// One band for each line, its highest value named; `step` is the time between two values, in seconds.
pub fn svg(title: &str, step: f64, lines: &[Line<'_>]) -> String {
    let height = 60.0 + lines.len() as f64 * (HEIGHT + 30.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"20\" y=\"28\" font-size=\"17\">{title}</text>\n",
        WIDTH + 60.0
    );
    for (n, line) in lines.iter().enumerate() {
        let top = 60.0 + n as f64 * (HEIGHT + 30.0);
        let most = line.values.iter().copied().fold(0.0, f64::max).max(1e-9);
        let count = line.values.len().max(2) as f64 - 1.0;
        let points: Vec<String> = line
            .values
            .iter()
            .enumerate()
            .map(|(i, v)| format!("{:.1},{:.1}", 30.0 + i as f64 / count * WIDTH, top + HEIGHT - v / most * HEIGHT))
            .collect();
        let last = line.values.last().copied().unwrap_or_default();
        let _ = writeln!(
            out,
            "<rect x=\"30\" y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#ccd\"/>\n<text x=\"34\" y=\"{}\">{} — most {most:.1}, last {last:.1}</text>\n<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" points=\"{}\"/>",
            top - 6.0,
            line.name,
            line.colour,
            points.join(" ")
        );
    }
    let minutes = lines.first().map_or(0.0, |line| line.values.len() as f64 * step / 60.0);
    let _ = writeln!(out, "<text x=\"{}\" y=\"{}\">{minutes:.0} minutes</text>\n</svg>", WIDTH - 40.0, height - 8.0);
    out
}
