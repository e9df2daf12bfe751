//! One vector, as it is stored: a byte a dimension, and a scale.

use crate::limits::EMBEDDING_DIMENSIONS_MAX;

/// The greatest amount of a dimension in a byte.
const STEPS: f32 = 127.0;
/// Bytes of the scale.
const SCALE_BYTES: usize = size_of::<f32>();
/// By how much a stored vector's length may differ from 1: rounding differs by less than a millionth.
const LENGTH_TOLERANCE: f32 = 1e-3;

/// Why numbers or bytes are no vector.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum VectorError {
    /// NaN or infinity.
    #[error("dimension {0} is no finite number")]
    NotFinite(usize),
    /// It points nowhere.
    #[error("all its dimensions are zero")]
    Zero,
    /// Vectors are compared with those of their own model only.
    #[error("it has {found} dimensions where {expected} are expected")]
    Dimensions {
        /// How many it has.
        found: usize,
        /// How many the others have.
        expected: usize,
    },
    /// None at all, or more than any model has.
    #[error("it has {0} dimensions: expected 1 to {EMBEDDING_DIMENSIONS_MAX}")]
    Size(usize),
    /// Its scale does not give it length 1.
    #[error("its bytes are damaged: its length is not 1")]
    Length,
}

/// A direction: length 1, a byte a dimension and one scale for all. Dimension `i` is
/// `values()[i] as f32 * scale()`.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector {
    values: Vec<i8>,
    scale: f32,
}

impl Vector {
    /// The direction of `numbers`, whatever their length.
    ///
    /// # Errors
    /// When a number is not finite, all are zero, or there are none or too many.
    pub fn of(numbers: &[f32]) -> Result<Self, VectorError> {
        let largest = largest(numbers)?;
        let values: Vec<i8> = numbers
            .iter()
            .map(|number| (number / largest * STEPS).round() as i8)
            .collect();
        let scale = scale(&values)?;
        Ok(Self { values, scale })
    }

    /// The number of dimensions.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.values.len()
    }

    /// Its dimensions in units of [`scale`](Self::scale).
    #[must_use]
    pub fn values(&self) -> &[i8] {
        &self.values
    }

    /// What one unit of its values is.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Its dimensions as numbers.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        self.values
            .iter()
            .map(|value| f32::from(*value) * self.scale)
            .collect()
    }

    /// A byte a dimension, then the scale in four bytes, the lowest first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let values = self.values.iter().map(|value| value.to_le_bytes()[0]);
        values.chain(self.scale.to_le_bytes()).collect()
    }

    /// The vector that became these bytes.
    ///
    /// # Errors
    /// When no vector becomes such bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VectorError> {
        let Some((values, stored)) = bytes.split_last_chunk::<SCALE_BYTES>() else {
            return Err(VectorError::Size(0));
        };
        check_size(values.len())?;
        let values: Vec<i8> = values.iter().map(|byte| i8::from_le_bytes([*byte])).collect();
        let stored = f32::from_le_bytes(*stored);
        // NaN is within no tolerance.
        if (stored / scale(&values)? - 1.0).abs() <= LENGTH_TOLERANCE {
            Ok(Self {
                values,
                scale: stored,
            })
        } else {
            Err(VectorError::Length)
        }
    }
}

fn check_size(dimensions: usize) -> Result<(), VectorError> {
    if (1..=EMBEDDING_DIMENSIONS_MAX).contains(&dimensions) {
        Ok(())
    } else {
        Err(VectorError::Size(dimensions))
    }
}

/// The largest amount among numbers that are a direction.
pub(super) fn largest(numbers: &[f32]) -> Result<f32, VectorError> {
    check_size(numbers.len())?;
    if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
        return Err(VectorError::NotFinite(at));
    }
    let largest = numbers
        .iter()
        .fold(0.0_f32, |largest, number| largest.max(number.abs()));
    if largest > 0.0 {
        Ok(largest)
    } else {
        Err(VectorError::Zero)
    }
}

/// The scale that gives these values length 1.
fn scale(values: &[i8]) -> Result<f32, VectorError> {
    let squares: i32 = values.iter().map(|value| i32::from(*value).pow(2)).sum();
    if squares > 0 {
        Ok(f64::from(squares).sqrt().recip() as f32)
    } else {
        Err(VectorError::Zero)
    }
}

#[cfg(test)]
mod tests {
    use super::{Vector, VectorError};
    use crate::limits::EMBEDDING_DIMENSIONS_MAX;

    #[test]
    fn bytes_are_a_vector_again() {
        let vector = Vector::of(&[3.0, -4.0, 0.0, 1e-9]).unwrap();
        let bytes = vector.to_bytes();
        assert_eq!(bytes.len(), 4 + 4);
        assert_eq!(Vector::from_bytes(&bytes).unwrap(), vector);
        let wide = Vector::of(&[1.0; 384]).unwrap();
        assert_eq!(wide.to_bytes().len(), 388);
    }

    #[test]
    fn a_vector_has_length_1_and_its_direction() {
        for length in [1e-40_f32, 1.0, 1e38] {
            let vector = Vector::of(&[0.6 * length, -0.8 * length]).unwrap().to_f32();
            assert!(
                (vector[0] - 0.6).abs() < 0.004 && (vector[1] + 0.8).abs() < 0.004,
                "{vector:?}"
            );
            assert!((vector.iter().map(|it| it * it).sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        assert_eq!(Vector::of(&[1.0, f32::NAN]), Err(VectorError::NotFinite(1)));
        assert_eq!(Vector::of(&[f32::INFINITY]), Err(VectorError::NotFinite(0)));
        assert_eq!(Vector::of(&[0.0, -0.0]), Err(VectorError::Zero));
        assert_eq!(Vector::of(&[]), Err(VectorError::Size(0)));
        let many = EMBEDDING_DIMENSIONS_MAX + 1;
        assert_eq!(Vector::of(&vec![1.0; many]), Err(VectorError::Size(many)));
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let bytes = Vector::of(&[3.0, -4.0]).unwrap().to_bytes();
        assert_eq!(Vector::from_bytes(&[]), Err(VectorError::Size(0)));
        assert_eq!(Vector::from_bytes(&bytes[..3]), Err(VectorError::Size(0)));
        assert_eq!(Vector::from_bytes(&bytes[..4]), Err(VectorError::Size(0)));
        assert_eq!(Vector::from_bytes(&bytes[1..]), Err(VectorError::Length));
        assert_eq!(Vector::from_bytes(&[0, 0, 1, 1, 1, 1]), Err(VectorError::Zero));
        let not_a_number = [&bytes[..2], &f32::NAN.to_le_bytes()].concat();
        assert_eq!(Vector::from_bytes(&not_a_number), Err(VectorError::Length));
    }
}
