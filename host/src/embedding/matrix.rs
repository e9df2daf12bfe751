//! Many vectors in memory, all of which are compared with one: a plain scan, a few milliseconds for a
//! hundred thousand.

use std::sync::{Mutex, PoisonError};
use std::thread;

use pulp::Arch;

use super::vector::{Vector, VectorError, largest};
use crate::limits::{MATRIX_PART_ROWS, MATRIX_ROWS_ONE_THREAD};

/// The greatest amount of a dimension of a stored vector.
const VALUE_MAX: i32 = 128;

/// Rows of vectors of one number of dimensions, stored as [`Vector`]s are.
#[derive(Clone, Debug)]
pub struct Matrix {
    dimensions: usize,
    /// The rows' values, one row behind the other.
    values: Vec<i8>,
    /// The rows' scales; 0 where a row is cleared.
    scales: Vec<f32>,
}

impl Matrix {
    /// One without rows, for vectors of so many dimensions.
    #[must_use]
    pub fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            values: Vec::new(),
            scales: Vec::new(),
        }
    }

    /// The number of dimensions of each row.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The number of rows, cleared ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// Bytes of memory that it has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.values.capacity() + self.scales.capacity() * size_of::<f32>()
    }

    /// Adds a row; gives its number, counted from 0.
    ///
    /// # Errors
    /// When the vector has another number of dimensions.
    pub fn push(&mut self, vector: &Vector) -> Result<usize, VectorError> {
        self.check(vector.dimensions())?;
        let row = self.len();
        if row == self.scales.capacity() {
            // An eighth more, not twice as much: there can be hundreds of megabytes.
            let more = row / 8 + 16;
            self.scales.reserve_exact(more);
            self.values.reserve_exact(more * self.dimensions);
        }
        self.values.extend_from_slice(vector.values());
        self.scales.push(vector.scale());
        Ok(row)
    }

    /// Puts a vector in the place of a row. A row that is not there is left so.
    ///
    /// # Errors
    /// When the vector has another number of dimensions.
    pub fn set(&mut self, row: usize, vector: &Vector) -> Result<(), VectorError> {
        self.check(vector.dimensions())?;
        let start = row * self.dimensions;
        if let Some(scale) = self.scales.get_mut(row)
            && let Some(values) = self.values.get_mut(start..start + self.dimensions)
        {
            values.copy_from_slice(vector.values());
            *scale = vector.scale();
        }
        Ok(())
    }

    /// Takes a row's vector away: its cosine is 0 until it is set again.
    pub fn clear(&mut self, row: usize) {
        if let Some(scale) = self.scales.get_mut(row) {
            *scale = 0.0;
        }
    }

    /// Writes into `out` the cosine of the angle between `query` and each row, in order: 1 for the same
    /// direction, 0 for cleared rows. The query may have any length; `out` loses what it had.
    ///
    /// # Errors
    /// When the query has another number of dimensions, is not finite or zero.
    pub fn cosines(&self, query: &[f32], out: &mut Vec<f32>) -> Result<(), VectorError> {
        let threads = if self.len() > MATRIX_ROWS_ONE_THREAD {
            thread::available_parallelism().map_or(1, usize::from)
        } else {
            1
        };
        self.cosines_with(threads, query, out)
    }

    fn cosines_with(&self, threads: usize, query: &[f32], out: &mut Vec<f32>) -> Result<(), VectorError> {
        self.check(query.len())?;
        let query = Query::of(query)?;
        out.clear();
        out.resize(self.len(), 0.0);
        let parts = out
            .chunks_mut(MATRIX_PART_ROWS)
            .zip(self.values.chunks(MATRIX_PART_ROWS * self.dimensions))
            .zip(self.scales.chunks(MATRIX_PART_ROWS));
        let parts = Mutex::new(parts);
        let work = || {
            let arch = Arch::new();
            loop {
                let part = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(((out, values), scales)) = part else {
                    break;
                };
                arch.dispatch(|| query.compare(values, scales, out));
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                // Where no thread can be started, this one does its part.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        Ok(())
    }

    fn check(&self, found: usize) -> Result<(), VectorError> {
        let expected = self.dimensions;
        if found == expected {
            Ok(())
        } else {
            Err(VectorError::Dimensions { found, expected })
        }
    }
}

/// What rows are compared with: numbers so small that no sum overflows.
struct Query {
    values: Vec<i16>,
    scale: f32,
}

impl Query {
    fn of(numbers: &[f32]) -> Result<Self, VectorError> {
        let largest = largest(numbers)?;
        // A sum has as many products as there are dimensions, each of at most this times VALUE_MAX.
        let dimensions = i32::try_from(numbers.len()).unwrap_or(i32::MAX);
        let steps = (i32::MAX / VALUE_MAX / dimensions).min(i32::from(i16::MAX));
        let steps = f32::from(i16::try_from(steps).unwrap_or(i16::MAX));
        let values: Vec<i16> = numbers
            .iter()
            .map(|number| (number / largest * steps).round() as i16)
            .collect();
        let squares: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
        let scale = squares.sqrt().recip() as f32;
        Ok(Self { values, scale })
    }

    /// Writes the cosine of each row of a part.
    // Inlined, it is compiled for what `Arch` finds the processor to have.
    #[inline(always)]
    fn compare(&self, values: &[i8], scales: &[f32], out: &mut [f32]) {
        let rows = values.chunks_exact(self.values.len()).zip(scales);
        for ((row, scale), out) in rows.zip(out) {
            let mut sum = 0_i32;
            for (a, b) in row.iter().zip(&self.values) {
                sum += i32::from(i16::from(*a)) * i32::from(*b);
            }
            let sum = sum as f32;
            *out = sum * self.scale * scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Matrix, Vector, VectorError};
    use crate::limits::{EMBEDDING_DIMENSIONS_MAX, MATRIX_PART_ROWS};

    /// Numbers from -1 to 1 that are the same in every run.
    fn numbers(count: usize, seed: &mut u64) -> Vec<f32> {
        let mut next = || {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (*seed >> 40) as f32 / 8_388_608.0 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn exact(a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    fn filled(rows: usize, dimensions: usize, seed: &mut u64) -> (Matrix, Vec<Vec<f32>>) {
        let mut matrix = Matrix::new(dimensions);
        let rows: Vec<Vec<f32>> = (0..rows).map(|_| numbers(dimensions, seed)).collect();
        for (at, row) in rows.iter().enumerate() {
            assert_eq!(matrix.push(&Vector::of(row).unwrap()), Ok(at));
        }
        (matrix, rows)
    }

    #[test]
    fn cosines_are_those_of_the_vectors() {
        let seed = &mut 7;
        for dimensions in [1, 3, 15, 16, 33, 384, 1_536, EMBEDDING_DIMENSIONS_MAX] {
            let (matrix, rows) = filled(20, dimensions, seed);
            let query = numbers(dimensions, seed);
            let mut found = vec![9.0; 3];
            matrix.cosines(&query, &mut found).unwrap();
            assert_eq!(found.len(), rows.len());
            for (row, found) in rows.iter().zip(found) {
                // As it is stored, a vector is off by a little; the cosine with that is off by less.
                let stored = Vector::of(row).unwrap().to_f32();
                let (given, stored) = (exact(row, &query), exact(&stored, &query));
                assert!(
                    (f64::from(found) - stored).abs() < 2e-4,
                    "{dimensions}: {found} {stored}"
                );
                assert!(
                    (f64::from(found) - given).abs() < 1e-2,
                    "{dimensions}: {found} {given}"
                );
            }
        }
    }

    #[test]
    fn the_widest_vectors_overflow_nothing() {
        let widest = vec![1.0; EMBEDDING_DIMENSIONS_MAX];
        let mut matrix = Matrix::new(widest.len());
        matrix.push(&Vector::of(&widest).unwrap()).unwrap();
        let opposite: Vec<f32> = widest.iter().map(|it| -it * 1e38).collect();
        let mut found = Vec::new();
        matrix.cosines(&widest, &mut found).unwrap();
        assert!((found[0] - 1.0).abs() < 1e-5, "{found:?}");
        matrix.cosines(&opposite, &mut found).unwrap();
        assert!((found[0] + 1.0).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn several_threads_find_what_one_does() {
        let seed = &mut 11;
        let (matrix, _) = filled(2 * MATRIX_PART_ROWS + 17, 8, seed);
        let query = numbers(8, seed);
        let (mut one, mut three) = (Vec::new(), Vec::new());
        matrix.cosines_with(1, &query, &mut one).unwrap();
        matrix.cosines_with(3, &query, &mut three).unwrap();
        assert_eq!(one.len(), matrix.len());
        assert!(one.iter().all(|cosine| *cosine != 0.0));
        assert_eq!(one, three);
    }

    #[test]
    fn rows_are_replaced_and_cleared() {
        let seed = &mut 13;
        let (mut matrix, rows) = filled(40, 4, seed);
        matrix.set(38, &Vector::of(&rows[3]).unwrap()).unwrap();
        matrix.clear(3);
        // Rows that are not there are left alone.
        matrix.clear(40);
        matrix.set(40, &Vector::of(&rows[3]).unwrap()).unwrap();
        let mut found = Vec::new();
        matrix.cosines(&rows[3], &mut found).unwrap();
        assert_eq!((found.len(), found[3]), (40, 0.0));
        assert!(found[38] > 0.999, "{found:?}");
        matrix.set(3, &Vector::of(&rows[3]).unwrap()).unwrap();
        matrix.cosines(&rows[3], &mut found).unwrap();
        assert!(found[3] > 0.999, "{found:?}");
        assert!(matrix.bytes() >= 40 * (4 + 4), "{}", matrix.bytes());
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let mut matrix = Matrix::new(2);
        let wrong = VectorError::Dimensions {
            found: 3,
            expected: 2,
        };
        let vector = Vector::of(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(matrix.push(&vector), Err(wrong.clone()));
        assert_eq!(matrix.set(0, &vector), Err(wrong.clone()));
        let out = &mut Vec::new();
        assert_eq!(matrix.cosines(&[1.0, 2.0, 3.0], out), Err(wrong));
        assert_eq!(matrix.cosines(&[0.0, 0.0], out), Err(VectorError::Zero));
        assert_eq!(
            matrix.cosines(&[0.0, f32::NAN], out),
            Err(VectorError::NotFinite(1))
        );
        assert_eq!(matrix.cosines(&[1.0, 1.0], out), Ok(()));
        assert!(out.is_empty() && matrix.is_empty());
    }
}
