//! A curve as a picture: SVG with a logarithmic vertical axis, readable on light and dark pages.

use super::Curve;
use std::fmt::Write;

impl Curve {
    /// The picture. Points that are not positive and finite have no place on a logarithmic axis and are left out.
    pub fn svg(&self) -> String {
        let frame = Frame::around(self);
        let mut svg = String::new();
        let _ = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
             <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>\n",
            escaped(&self.title)
        );
        frame.draw_grid(&mut svg);
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let _ = writeln!(
            svg,
            "<text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{}</text>\n<text x=\"{LEFT}\" y=\"{}\">{}</text>",
            bottom + 34.0,
            escaped(&self.x),
            TOP - 8.0,
            escaped(&self.y)
        );
        for (place, (label, points)) in self.series.iter().enumerate() {
            let colour = COLOURS[place % COLOURS.len()];
            let line: Vec<String> = points
                .iter()
                .filter(|(x, y)| is_shown(*x, *y))
                .map(|(x, y)| format!("{:.1},{:.1}", frame.across(*x), frame.down(*y)))
                .collect();
            let label_y = TOP + 16.0 * place as f64;
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"/>\n\
                 <line x1=\"{}\" x2=\"{}\" y1=\"{label_y}\" y2=\"{label_y}\" stroke=\"{colour}\" stroke-width=\"3\"/>\n\
                 <text x=\"{}\" y=\"{}\">{}</text>",
                line.join(" "),
                right + 10.0,
                right + 26.0,
                right + 32.0,
                label_y + 4.0,
                escaped(label),
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Where values stand in the picture.
struct Frame {
    x_max: f64,
    /// Powers of ten.
    low: i32,
    high: i32,
}

impl Frame {
    fn around(curve: &Curve) -> Self {
        let points = || curve.series.iter().flat_map(|(_, points)| points).filter(|(x, y)| is_shown(*x, *y));
        let x_max = points().map(|(x, _)| *x).fold(1.0, f64::max);
        let exponents = || points().map(|(_, y)| y.log10());
        let low = exponents().fold(f64::INFINITY, f64::min).floor();
        let high = exponents().fold(f64::NEG_INFINITY, f64::max).ceil();
        if low > high {
            return Self { x_max, low: -1, high: 0 };
        }
        Self { x_max, low: low as i32, high: (high as i32).max(low as i32 + 1) }
    }

    fn across(&self, x: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * x / self.x_max
    }

    fn down(&self, y: f64) -> f64 {
        let part = (y.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part
    }

    fn draw_grid(&self, svg: &mut String) {
        let every = ((self.high - self.low) / 10).max(1);
        for exponent in (self.low..=self.high).step_by(every as usize) {
            let y = self.down(10f64.powi(exponent));
            let _ = writeln!(
                svg,
                "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>\n\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">1e{exponent}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0
            );
        }
        for part in 0..=4 {
            let x = self.x_max * f64::from(part) / 4.0;
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                self.across(x),
                HEIGHT - BOTTOM + 16.0,
                shortened(x)
            );
        }
    }
}

fn is_shown(x: f64, y: f64) -> bool {
    x.is_finite() && x >= 0.0 && y.is_finite() && y > 0.0
}

fn shortened(x: f64) -> String {
    if x >= 10.0 || x == 0.0 { format!("{x:.0}") } else { format!("{x:.2}") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 50.0;
const COLOURS: [&str; 6] = ["#0b6e99", "#c0392b", "#27864a", "#8e44ad", "#b9770e", "#555555"];

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(f64, f64)]) -> Curve {
        Curve {
            name: "gap".to_owned(),
            title: "gap < 1".to_owned(),
            x: "round".to_owned(),
            y: "gap".to_owned(),
            series: vec![("ours".to_owned(), points.to_vec())],
        }
    }

    #[test]
    fn a_decade_is_as_high_as_any_other() {
        let svg = curve(&[(0.0, 1.0), (1.0, 0.1), (2.0, 0.01)]).svg();
        assert!(svg.contains("points=\"60.0,50.0 315.0,180.0 570.0,310.0\""), "{svg}");
        assert!(svg.contains("gap &lt; 1"));
    }

    #[test]
    fn what_has_no_logarithm_is_left_out() {
        let svg = curve(&[(0.0, 0.0), (1.0, f64::NAN), (2.0, -1.0), (f64::INFINITY, 1.0)]).svg();
        assert!(svg.contains("points=\"\"") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
