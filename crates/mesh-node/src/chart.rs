//! Charts as inline SVG. Colours come from the page's style sheet by class, so that they follow light and dark.

use std::fmt::Write;

/// Lines over a common axis.
pub struct LineChart<'a> {
    /// Width in units of about a pixel; the height is always the same.
    pub width: f64,
    /// Said to those who cannot see it.
    pub title: &'a str,
    /// Label of the horizontal axis.
    pub x_label: &'a str,
    /// Label of the vertical axis.
    pub y_label: &'a str,
    /// Ends of the horizontal axis.
    pub x_range: (f64, f64),
    /// The vertical axis.
    pub y_axis: Axis,
    /// The lines.
    pub series: Vec<Series<'a>>,
    /// A level that may not be passed, with its name.
    pub limit: Option<(f64, &'a str)>,
    /// A stretch of the horizontal axis that is shaded, with its name.
    pub shade: Option<(f64, f64, &'a str)>,
}

/// The scale of a vertical axis.
#[derive(Clone, Copy)]
pub enum Axis {
    /// From the first number to the second.
    Linear(f64, f64),
    /// In decades over all positive values.
    Logarithmic,
}

/// One line.
pub struct Series<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// Its points in order; those that are no numbers, or not positive on a logarithmic axis, are left out.
    pub points: Vec<(f64, f64)>,
    /// Whether each point is marked.
    pub dots: bool,
}

impl LineChart<'_> {
    /// The chart as an `<svg>` element.
    pub fn to_svg(&self) -> String {
        let frame = self.frame();
        let mut svg = format!(
            "<svg viewBox=\"0 0 {1} {HEIGHT}\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>",
            escaped(self.title),
            self.width
        );
        if let Some((from, until, name)) = self.shade {
            let (left, right) = (frame.x(from), frame.x(until));
            let _ = write!(
                svg,
                "<rect class=\"shade\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>\
                 <text class=\"note\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                (right - left).max(0.0),
                HEIGHT - TOP - BOTTOM,
                (left + right) / 2.0,
                TOP - 6.0,
                escaped(name)
            );
        }
        self.draw_axes(&frame, &mut svg);
        if let Some((level, name)) = self.limit {
            let y = frame.y(level);
            let _ = write!(
                svg,
                "<line class=\"limit\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"note\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                self.width - RIGHT,
                LEFT + 4.0,
                y - 4.0,
                escaped(name)
            );
        }
        for (i, series) in self.series.iter().enumerate() {
            draw_series(&frame, i, series, &mut svg);
        }
        if self.series.len() > 1 {
            self.draw_legend(&mut svg);
        }
        svg.push_str("</svg>");
        svg
    }

    fn frame(&self) -> Frame {
        match self.y_axis {
            Axis::Linear(low, high) => Frame { width: self.width, x: self.x_range, y: (low, high), logarithmic: false },
            Axis::Logarithmic => {
                let values = self.series.iter().flat_map(|series| &series.points).map(|point| point.1);
                let values = values.chain(self.limit.map(|limit| limit.0));
                let decades = values.filter(|value| *value > 0.0 && value.is_finite()).map(f64::log10);
                let (low, high) =
                    decades.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
                let (low, high) =
                    if low <= high { (low.floor(), high.ceil().max(low.floor() + 1.0)) } else { (-1.0, 0.0) };
                Frame { width: self.width, x: self.x_range, y: (low, high), logarithmic: true }
            }
        }
    }

    fn draw_axes(&self, frame: &Frame, svg: &mut String) {
        for tick in ticks(frame.x.0, frame.x.1, 8, true) {
            let x = frame.x(tick);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick}</text>",
                HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 16.0
            );
        }
        for tick in ticks(frame.y.0, frame.y.1, 5, frame.logarithmic) {
            let y = frame.scaled_y(tick);
            let text = if frame.logarithmic { format!("1e{tick}") } else { short(tick) };
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                self.width - RIGHT,
                LEFT - 6.0,
                y + 4.0
            );
        }
        let _ = write!(
            svg,
            "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <text class=\"label\" x=\"{:.1}\" y=\"14\">{}</text>",
            self.width - RIGHT,
            HEIGHT - 4.0,
            escaped(self.x_label),
            4.0,
            escaped(self.y_label)
        );
    }

    fn draw_legend(&self, svg: &mut String) {
        let mut x = self.width - RIGHT;
        for (i, series) in self.series.iter().enumerate().rev() {
            // About 7 units a character at this size; a little too wide does no harm.
            x -= 26.0 + 7.0 * series.name.chars().count() as f64;
            let _ = write!(
                svg,
                "<line class=\"line s{i}\" x1=\"{x:.1}\" y1=\"10\" x2=\"{:.1}\" y2=\"10\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"14\">{}</text>",
                x + 14.0,
                x + 18.0,
                escaped(series.name)
            );
        }
    }
}

/// Rows of stretches over time.
pub struct Timeline<'a> {
    /// Said to those who cannot see it.
    pub title: &'a str,
    /// Where the axis ends, in hours; it begins at 0.
    pub end_h: f64,
    /// Name and stretches of each row.
    pub rows: Vec<(&'a str, &'a [(f64, f64)])>,
    /// A stretch that is shaded, with its name.
    pub shade: Option<(f64, f64, &'a str)>,
}

impl Timeline<'_> {
    /// The timeline as an `<svg>` element.
    pub fn to_svg(&self) -> String {
        let left = 170.0;
        let bottom = TIMELINE_TOP + ROW * self.rows.len() as f64;
        let x = |hour: f64| left + hour / self.end_h.max(f64::MIN_POSITIVE) * (FULL_WIDTH - left - RIGHT);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {FULL_WIDTH} {:.1}\" role=\"img\" aria-label=\"{1}\"><title>{1}</title>",
            bottom + BOTTOM,
            escaped(self.title)
        );
        if let Some((from, until, name)) = self.shade {
            let _ = write!(
                svg,
                "<rect class=\"shade\" x=\"{:.1}\" y=\"{TIMELINE_TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>\
                 <text class=\"note\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x(from),
                (x(until) - x(from)).max(0.0),
                bottom - TIMELINE_TOP,
                x((from + until) / 2.0),
                TIMELINE_TOP - 6.0,
                escaped(name)
            );
        }
        for tick in ticks(0.0, self.end_h, 8, true) {
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{0:.1}\" y1=\"{TIMELINE_TOP}\" x2=\"{0:.1}\" y2=\"{bottom:.1}\"/>\
                 <text class=\"tick\" x=\"{0:.1}\" y=\"{1:.1}\" text-anchor=\"middle\">{tick}</text>",
                x(tick),
                bottom + 16.0
            );
        }
        for (i, (name, stretches)) in self.rows.iter().enumerate() {
            let y = TIMELINE_TOP + ROW * i as f64;
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 8.0,
                y + ROW * 0.65,
                escaped(name)
            );
            for (from, until) in *stretches {
                let _ = write!(
                    svg,
                    "<rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\">\
                     <title>{}: {from:.2} h to {until:.2} h</title></rect>",
                    x(*from),
                    y + ROW * 0.2,
                    (x(*until) - x(*from)).max(1.0),
                    ROW * 0.6,
                    escaped(name)
                );
            }
        }
        let _ = write!(
            svg,
            "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">mission time, h</text></svg>",
            FULL_WIDTH - RIGHT,
            bottom + BOTTOM - 4.0
        );
        svg
    }
}

/// `text` with everything replaced that HTML and XML would take for markup.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// From values to places in the picture.
struct Frame {
    width: f64,
    x: (f64, f64),
    /// Ends of the vertical axis; decades when logarithmic.
    y: (f64, f64),
    logarithmic: bool,
}

impl Frame {
    fn x(&self, value: f64) -> f64 {
        LEFT + share(value, self.x) * (self.width - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        self.scaled_y(if self.logarithmic { value.log10() } else { value })
    }

    fn scaled_y(&self, scaled: f64) -> f64 {
        HEIGHT - BOTTOM - share(scaled, self.y) * (HEIGHT - TOP - BOTTOM)
    }

    fn holds(&self, (x, y): (f64, f64)) -> bool {
        x.is_finite() && y.is_finite() && (!self.logarithmic || y > 0.0)
    }
}

fn share(value: f64, (low, high): (f64, f64)) -> f64 {
    if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 }
}

fn draw_series(frame: &Frame, index: usize, series: &Series<'_>, svg: &mut String) {
    let places: Vec<(f64, f64)> =
        series.points.iter().filter(|point| frame.holds(**point)).map(|(x, y)| (frame.x(*x), frame.y(*y))).collect();
    let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = write!(svg, "<polyline class=\"line s{index}\" points=\"{}\"/>", path.join(" "));
    if series.dots {
        for (x, y) in places {
            let _ = write!(svg, "<circle class=\"dot s{index}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"/>");
        }
    }
}

/// At most about `count` round numbers within `low..=high`, whole ones if so wanted.
fn ticks(low: f64, high: f64, count: usize, whole: bool) -> Vec<f64> {
    if !(low.is_finite() && high.is_finite() && high > low) {
        return vec![];
    }
    let rough = (high - low) / count as f64;
    let decade = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 3.0, 5.0, 10.0].map(|factor| factor * decade);
    let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(10.0 * decade);
    let step = if whole { step.max(1.0).round() } else { step };
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).take(TICKS_MAX).map(|i| i as f64 * step).collect()
}

fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A chart over the whole page.
pub const FULL_WIDTH: f64 = 720.0;
/// One of two charts beside each other.
pub const HALF_WIDTH: f64 = 400.0;

const HEIGHT: f64 = 250.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
/// Room for the label of the axis and the legend, and below them for the name of a shaded stretch.
const TOP: f64 = 36.0;
const TIMELINE_TOP: f64 = 26.0;
const BOTTOM: f64 = 36.0;
const ROW: f64 = 26.0;
const TICKS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_range() {
        assert_eq!(ticks(0.0, 24.0, 8, true), [0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 21.0, 24.0]);
        assert_eq!(ticks(0.0, 1.0, 5, false).len(), 6);
        assert_eq!(ticks(-6.0, 0.0, 5, true), [-6.0, -4.0, -2.0, 0.0]);
        assert!(ticks(1.0, 1.0, 5, false).is_empty());
        assert!(ticks(f64::NAN, 1.0, 5, false).is_empty());
    }

    #[test]
    fn a_logarithmic_axis_leaves_out_what_it_cannot_show() {
        let points = vec![(0.0, 1.0), (1.0, 0.0), (2.0, f64::NAN), (3.0, 1e-4)];
        let chart = LineChart {
            width: HALF_WIDTH,
            title: "gap <of> plan",
            x_label: "round",
            y_label: "gap",
            x_range: (0.0, 3.0),
            y_axis: Axis::Logarithmic,
            series: vec![Series { name: "gap", points, dots: true }],
            limit: None,
            shade: None,
        };
        let svg = chart.to_svg();
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("1e-4") && svg.contains("gap &lt;of&gt; plan"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn an_empty_chart_is_still_a_picture() {
        let timeline = Timeline { title: "links", end_h: 0.0, rows: vec![("a", &[])], shade: None };
        assert!(timeline.to_svg().ends_with("</svg>"));
    }
}
