//! Components by digest: checked, compiled within bounds, kept as long as somebody uses them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

use super::complexity;
use crate::background::lower_priority;
use crate::component::{Component, LoadError, digest};
use crate::engine::Sandbox;
use crate::limits;

/// Why a component is not taken.
#[derive(Debug, thiserror::Error)]
pub enum RefusedComponent {
    /// It has this many bytes, more than
    /// [`COMPONENT_BYTES_MAX`](crate::limits::COMPONENT_BYTES_MAX): it was not read.
    #[error("the component has {0} bytes, at most {max} are taken", max = limits::COMPONENT_BYTES_MAX)]
    TooLarge(usize),
    /// Compiling it could take very long: the text says which bound of [`crate::limits`] it
    /// exceeds.
    #[error("{0}")]
    TooComplex(String),
    /// It was compiled, but is none that this host runs.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Compiling it was not done within [`COMPILE_TIME_MAX`](crate::limits::COMPILE_TIME_MAX).
    #[error(
        "compiling the component takes longer than {} s: make it smaller",
        limits::COMPILE_TIME_MAX.as_secs()
    )]
    TooSlow,
    /// The compiler takes no more work at present: what is being compiled has its turn.
    #[error("another component is being compiled: try again in a moment")]
    Busy,
}

/// The components that are loaded.
pub(crate) struct Components {
    sandbox: Sandbox,
    loaded: Mutex<HashMap<String, Weak<Component>>>,
    /// One at a time: compiling uses every core.
    compiling: Arc<Semaphore>,
}

impl Components {
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self {
            sandbox,
            loaded: Mutex::default(),
            compiling: Arc::new(Semaphore::new(1)),
        }
    }

    /// The component with this digest, if somebody uses it.
    pub(crate) fn get(&self, digest: &str) -> Option<Arc<Component>> {
        self.loaded().get(digest).and_then(Weak::upgrade)
    }

    /// The same for one that somebody brought: they are told soon.
    ///
    /// # Errors
    /// When it is refused, or compiling takes too long. What takes too long goes on to its end,
    /// bounded by the component's size, and holds up nothing but the next compilation.
    pub(crate) async fn load_in_time(&self, bytes: Vec<u8>) -> Result<Arc<Component>, RefusedComponent> {
        tokio::time::timeout(limits::COMPILE_TIME_MAX, self.load(bytes))
            .await
            .map_err(|_| RefusedComponent::TooSlow)?
    }

    /// Checks and compiles a component, unless it is there already. However busy the machine is: a
    /// host has to start.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) async fn load(&self, bytes: Vec<u8>) -> Result<Arc<Component>, RefusedComponent> {
        if bytes.len() > limits::COMPONENT_BYTES_MAX {
            return Err(RefusedComponent::TooLarge(bytes.len()));
        }
        let digest = digest(&bytes);
        if let Some(known) = self.get(&digest) {
            return Ok(known);
        }
        let turn = Arc::clone(&self.compiling).acquire_owned().await;
        let turn = turn.map_err(|_| RefusedComponent::Busy)?;
        let sandbox = self.sandbox.clone();
        let (done, compiled) = tokio::sync::oneshot::channel();
        // A thread of its own, which takes the cores that nobody else wants: others' calls do not wait for the
        // compiler, nor do other hosts on the machine where one starts.
        let compile = move || {
            let _turn = turn;
            lower_priority();
            let compiled = complexity::check(&bytes)
                .and_then(|()| Ok::<_, RefusedComponent>(Component::load(&sandbox, &bytes)?));
            // Nobody may wait for it any more.
            let _ = done.send(compiled);
        };
        let failed =
            |error: &dyn std::fmt::Display| LoadError::Invalid(format!("compiling it failed: {error}"));
        std::thread::Builder::new()
            .name("compiler".into())
            .spawn(compile)
            .map_err(|error| failed(&error))?;
        let component = Arc::new(compiled.await.map_err(|error| failed(&error))??);
        let mut loaded = self.loaded();
        loaded.retain(|_, component| component.strong_count() > 0);
        loaded.insert(digest, Arc::downgrade(&component));
        Ok(component)
    }

    fn loaded(&self) -> std::sync::MutexGuard<'_, HashMap<String, Weak<Component>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Components, RefusedComponent};
    use crate::engine::Sandbox;
    use crate::limits;

    #[tokio::test]
    async fn a_component_of_more_bytes_than_are_taken_is_not_even_read() {
        let components = Components::new(Sandbox::new().unwrap());
        let refused = components.load(vec![0; limits::COMPONENT_BYTES_MAX + 1]).await;
        assert!(matches!(refused.err(), Some(RefusedComponent::TooLarge(_))));
    }
}
