//! How well jobs fit a question: the cosine of their vectors with its own, and the share of its words that they have.

use super::asked::Asked;
use super::best::Best;
use super::index::Index;
use super::rows::Row;
use crate::embedding::Vector;
use crate::wit::storage::JobFilter;

/// How much more a stem in the title counts than one in the description, as a share: it decides between jobs that
/// are alike otherwise.
const TITLE_MORE: f32 = 0.02;
/// What coverage adds to the cosine; what the cosine of a job without a vector yet is taken for, of its coverage.
const COVERAGE_WEIGHT: f32 = 0.4;
const COSINE_OF_COVERAGE: f32 = 0.5;

/// How well each row fits a question; the least there is where it may not be shown.
pub(super) struct Measures {
    of_rows: Vec<f32>,
    /// Whether vectors were compared.
    pub(super) is_semantic: bool,
}

/// What is compared with the jobs' vectors: a direction, and how much of a cosine counts.
pub(super) struct Direction {
    pub(super) numbers: Vec<f32>,
    pub(super) share: f32,
}

impl Direction {
    /// Such that each vector's cosine is the mean of its cosines with all of these.
    pub(super) fn mean(vectors: &[Vector]) -> Option<Self> {
        let mut sum = vectors.first()?.to_f32();
        for vector in vectors.iter().skip(1) {
            let other = vector.to_f32();
            sum.iter_mut().zip(other).for_each(|(sum, more)| *sum += more);
        }
        let length = sum.iter().map(|number| number * number).sum::<f32>().sqrt();
        Some(Self {
            numbers: sum,
            share: length / vectors.len() as f32,
        })
    }
}

impl Index {
    /// The share of the question's weight that each row has.
    fn coverage(&self, asked: &Asked) -> Vec<f32> {
        let mut coverage = vec![0.0_f32; self.rows.len()];
        for (stem, weight) in &asked.stems {
            let share = weight / asked.weight;
            for entry in self.stems.get(stem).into_iter().flatten() {
                let more = if entry % 2 == 1 { TITLE_MORE } else { 0.0 };
                if let Some(coverage) = coverage.get_mut(*entry as usize / 2) {
                    *coverage += share * (1.0 + more);
                }
            }
        }
        coverage
    }

    /// How well each job fits that a filter's owner has. Without a direction only jobs that share a word with the
    /// question fit.
    pub(super) fn measure(
        &self,
        asked: &Asked,
        direction: Option<&Direction>,
        filter: &JobFilter,
    ) -> Measures {
        let mut of_rows = self.coverage(asked);
        let passing = self.owners.passing(filter);
        let cosines = direction
            .zip(self.matrix.as_ref())
            .and_then(|(direction, matrix)| {
                let mut cosines = Vec::new();
                let compared = matrix.cosines(&direction.numbers, &mut cosines);
                let failed = |error: &_| tracing::warn!(%error, "a search goes by words alone");
                let compared = compared.inspect_err(failed).ok();
                compared.map(|()| (cosines, direction.share))
            });
        for (at, (row, measure)) in self.rows.iter().zip(&mut of_rows).enumerate() {
            let covered = *measure;
            *measure = match &cosines {
                _ if !row.passes(&passing) => f32::NEG_INFINITY,
                Some((cosines, share)) => {
                    let cosine = match row.has_vector {
                        true => cosines.get(at).copied().unwrap_or(0.0) * share,
                        false => COSINE_OF_COVERAGE * covered,
                    };
                    COVERAGE_WEIGHT.mul_add(covered * covered, cosine)
                }
                None if covered > 0.0 => covered,
                None => f32::NEG_INFINITY,
            };
        }
        Measures {
            of_rows,
            is_semantic: cosines.is_some(),
        }
    }

    /// The numbers of the jobs that fit best, with their scores, best first and at most `count`: of all jobs, or of
    /// some.
    pub(super) fn best(&self, measures: &Measures, among: Option<&[u64]>, count: usize) -> Vec<(u64, f64)> {
        let mut best = Best::new(count);
        let mut look = |row: &Row, measure: f32| {
            if measure > f32::NEG_INFINITY {
                best.put(measure, row.number);
            }
        };
        match among {
            None => {
                let rows = self.rows.iter().zip(&measures.of_rows);
                rows.for_each(|(row, measure)| look(row, *measure));
            }
            Some(numbers) => {
                let rows = numbers.iter().filter_map(|number| self.row_of.get(number));
                rows.filter_map(|at| Some((self.rows.get(*at)?, *measures.of_rows.get(*at)?)))
                    .for_each(|(row, measure)| look(row, measure));
            }
        }
        let score = if measures.is_semantic {
            by_meaning
        } else {
            by_words
        };
        let best = best.first().into_iter();
        best.map(|(measure, number)| (number, score(measure))).collect()
    }
}

/// A share of the question's words as a score.
fn by_words(coverage: f32) -> f64 {
    f64::from(coverage).clamp(0.0, 1.0)
}

/// Cosine and coverage as a score: from 0.7 it fits well, from 0.4 it may (`wit/storage.wit`, `hit`). Between these
/// points it grows evenly.
fn by_meaning(measure: f32) -> f64 {
    const POINTS: [(f64, f64); 4] = [(0.0, 0.0), (0.35, 0.4), (0.7, 0.7), (1.4, 1.0)];
    let measure = f64::from(measure);
    for pair in POINTS.windows(2) {
        if let [(from, low), (to, high)] = pair
            && measure < *to
        {
            let share = ((measure - from) / (to - from)).max(0.0);
            return low + share * (high - low);
        }
    }
    1.0
}
