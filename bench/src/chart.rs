//! Charts as SVG, readable on light and dark pages: bars for amounts, lines for what changes.

use std::fmt::Write;

/// Wide enough for a page's text.
const WIDTH: f64 = 720.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 44.0;
const ROW: f64 = 26.0;
const PLOT_HEIGHT: f64 = 240.0;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}\
.quiet{fill:#57606a}.grid{stroke:#d0d7de}.c0{fill:#0969da;stroke:#0969da}.c1{fill:#8250df;stroke:#8250df}\
.c2{fill:#bf8700;stroke:#bf8700}.c3{fill:#cf222e;stroke:#cf222e}.c4{fill:#1a7f37;stroke:#1a7f37}\
rect.c0,rect.c1,rect.c2,rect.c3,rect.c4,text.c0,text.c1,text.c2,text.c3,text.c4{stroke:none}\
polyline{fill:none!important;stroke-width:2}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.grid{stroke:#3d444d}\
.c0{fill:#4493f8;stroke:#4493f8}.c1{fill:#ab7df8;stroke:#ab7df8}.c2{fill:#d29922;stroke:#d29922}\
.c3{fill:#f85149;stroke:#f85149}.c4{fill:#3fb950;stroke:#3fb950}}";

/// A bar for each amount, the longest for the largest.
pub fn bars(title: &str, unit: &str, amounts: &[(String, f64)]) -> String {
    let most = amounts.iter().map(|(_, amount)| *amount).fold(f64::MIN_POSITIVE, f64::max);
    let mut drawn = String::new();
    let mut y = TOP;
    for (place, (name, amount)) in amounts.iter().enumerate() {
        let length = (amount / most * (WIDTH - LEFT - RIGHT)).max(1.0);
        let class = if place == 0 { "c0" } else { "quiet" };
        let (middle, end) = (y + 15.0, LEFT + length + 8.0);
        let value = written(*amount);
        write!(
            drawn,
            r#"<text x="{x}" y="{middle}" text-anchor="end">{name}</text>
<rect class="{class}" x="{LEFT}" y="{y}" width="{length:.1}" height="20" rx="2"/>
<text x="{end:.1}" y="{middle}">{value} {unit}</text>
"#,
            x = LEFT - 10.0,
        )
        .ok();
        y += ROW;
    }
    framed(title, y + 8.0, &drawn)
}

/// A line for each series over the same steps; the scale is logarithmic.
pub fn lines(title: &str, unit: &str, steps: &[String], series: &[(String, Vec<f64>)]) -> String {
    let values = || series.iter().flat_map(|(_, values)| values.iter().copied());
    let low = values().fold(f64::MAX, f64::min).log10().floor();
    let high = values().fold(f64::MIN_POSITIVE, f64::max).log10().ceil().max(low + 1.0);
    let y_of = |value: f64| TOP + PLOT_HEIGHT * (high - value.log10()) / (high - low);
    let (left, right) = (70.0, WIDTH - RIGHT - 20.0);
    #[expect(clippy::cast_precision_loss, reason = "a handful of steps")]
    let x_of = |step: usize| left + (right - left) * step as f64 / (steps.len() - 1).max(1) as f64;

    let mut drawn = String::new();
    let mut power = low;
    while power <= high {
        let (value, y) = (10_f64.powf(power), y_of(10_f64.powf(power)));
        write!(
            drawn,
            r#"<line class="grid" x1="{left}" x2="{right}" y1="{y:.1}" y2="{y:.1}"/>
<text class="quiet" x="{x}" y="{below:.1}" text-anchor="end">{value} {unit}</text>
"#,
            x = left - 8.0,
            below = y + 4.0,
        )
        .ok();
        power += 1.0;
    }
    for (step, name) in steps.iter().enumerate() {
        let (x, y) = (x_of(step), TOP + PLOT_HEIGHT + 20.0);
        write!(
            drawn,
            r#"<text class="quiet" x="{x:.1}" y="{y}" text-anchor="middle">{name}</text>"#
        )
        .ok();
    }
    let ends = apart(series.iter().map(|(_, values)| values.last().map_or(TOP, |end| y_of(*end))));
    for (place, (name, values)) in series.iter().enumerate() {
        let points: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(step, value)| format!("{:.1},{:.1}", x_of(step), y_of(*value)))
            .collect();
        write!(
            drawn,
            r#"
<polyline class="c{class}" points="{points}"/>
<text class="c{class}" x="{x:.1}" y="{y:.1}">{name}</text>"#,
            class = place % 5,
            points = points.join(" "),
            x = right + 10.0,
            y = ends[place] + 4.0,
        )
        .ok();
    }
    framed(title, TOP + PLOT_HEIGHT + 34.0, &drawn)
}

/// Heights of labels, moved apart so that none covers another.
fn apart(heights: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut placed: Vec<(usize, f64)> = heights.enumerate().collect();
    placed.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    for place in 1..placed.len() {
        placed[place].1 = placed[place].1.max(placed[place - 1].1 + 16.0);
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, height)| height).collect()
}

fn framed(title: &str, height: f64, drawn: &str) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">
<style>{STYLE}</style>
<text class="title" x="0" y="20">{title}</text>
{drawn}
</svg>
"#
    )
}

/// A figure with as many digits as mean something: three.
pub fn written(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let whole = value.abs().log10().floor();
    if whole >= 2.0 {
        return grouped(value);
    }
    let decimals = if whole >= 1.0 { 1 } else { 2 };
    format!("{value:.decimals$}")
}

/// Thousands apart, and no more than three digits that are not 0.
fn grouped(value: f64) -> String {
    let unit = 10_f64.powf((value.abs().log10().floor() - 2.0).max(0.0));
    let digits = format!("{:.0}", (value / unit).round() * unit);
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_three_digits_that_mean_something() {
        for (value, text) in [
            (101_849.3, "102\u{202f}000"),
            (2_441.0, "2\u{202f}440"),
            (527.4, "527"),
            (13.23, "13.2"),
            (0.954, "0.95"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(written(value), text);
        }
    }

    #[test]
    fn no_label_covers_another() {
        assert_eq!(apart([50.0, 10.0, 52.0].into_iter()), [50.0, 10.0, 66.0]);
    }
}
