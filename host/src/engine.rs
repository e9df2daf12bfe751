//! The wasmtime engine: the one place that makes a `Config`, and the thread that lets CPU time
//! pass for every engine of the process.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::Semaphore;
use wasmtime::{
    Cache, CacheConfig, Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy,
    PoolingAllocationConfig,
};

use crate::background::Background;
use crate::limits;
use crate::turns::Turns;

/// Where compiled components are kept, so that the next start need not compile them. Its files are machine
/// code that a host runs: who can write there can do whatever the host can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CompilationCache {
    /// Every start compiles.
    #[default]
    None,
    /// The user's cache directory, where wasmtime's own programs keep theirs.
    User,
    /// This one; made where it is not there.
    Directory(PathBuf),
}

impl CompilationCache {
    /// Opens it. Where that cannot be, starts are slower, and one line of the log says so.
    fn open(&self) -> Option<Cache> {
        let mut config = CacheConfig::new();
        match self {
            Self::None => return None,
            Self::User => {}
            Self::Directory(directory) => {
                // A path that cannot be made absolute is refused as it is.
                config.with_directory(std::path::absolute(directory).unwrap_or_else(|_| directory.clone()));
            }
        }
        match Cache::new(config) {
            Ok(cache) => Some(cache),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "compiled components are not kept: each start compiles");
                None
            }
        }
    }
}

/// An engine and what the calls of all its components share. Cheap to clone; one a host.
#[derive(Clone)]
pub struct Sandbox {
    engine: Engine,
    /// One permit an instance of the pool.
    slots: Arc<Semaphore>,
    turns: Arc<Turns>,
    background: Arc<Background>,
}

impl Sandbox {
    /// One that compiles every component it is given.
    ///
    /// # Errors
    /// When wasmtime does not support this machine.
    pub fn new() -> Result<Self, wasmtime::Error> {
        Self::keeping(&CompilationCache::None)
    }

    /// One that keeps what it compiles.
    ///
    /// # Errors
    /// When wasmtime does not support this machine.
    pub fn keeping(cache: &CompilationCache) -> Result<Self, wasmtime::Error> {
        Ok(Self {
            engine: engine(cache.open())?,
            slots: Arc::new(Semaphore::new(limits::PARALLEL_CALLS_MAX as usize)),
            turns: Arc::new(Turns::new()),
            background: Arc::default(),
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn slots(&self) -> &Arc<Semaphore> {
        &self.slots
    }

    pub(crate) fn background(&self) -> &Arc<Background> {
        &self.background
    }

    pub(crate) fn turns(&self) -> &Arc<Turns> {
        &self.turns
    }
}

/// An engine with every limit set, known to the ticker. Falls back from pooled to on-demand
/// instances, with one warning, where the pool's address space cannot be reserved.
///
/// # Errors
/// When wasmtime does not support this machine.
fn engine(cache: Option<Cache>) -> Result<Engine, wasmtime::Error> {
    let mut pooled = config(cache.clone());
    pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    let engine = match Engine::new(&pooled) {
        Ok(engine) => engine,
        Err(error) => {
            tracing::warn!(%error, "no address space for the instance pool: calls will be slower");
            let mut on_demand = config(cache);
            on_demand.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&on_demand)?
        }
    };
    tick(&engine);
    Ok(engine)
}

fn config(cache: Option<Cache>) -> Config {
    let mut config = Config::new();
    config
        .cache(cache)
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_threads(false)
        .shared_memory(false)
        // Floats that are the same on every machine: a simulation must replay bit for bit.
        .cranelift_nan_canonicalization(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits::GUEST_STACK_BYTES)
        .async_stack_size(limits::CALL_STACK_BYTES)
        .memory_init_cow(true);
    config
}

fn pool() -> PoolingAllocationConfig {
    let calls = limits::PARALLEL_CALLS_MAX;
    // Where the kernel tells which pages a call touched (Linux 6.7), only those are reset.
    let scan = PoolingAllocationConfig::is_pagemap_scan_available();
    let keep_resident = if scan {
        limits::GUEST_KEEP_RESIDENT_BYTES
    } else {
        limits::GUEST_KEEP_RESIDENT_UNSCANNED_BYTES
    };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(calls * limits::GUEST_CORE_INSTANCES_MAX)
        .total_memories(calls * limits::GUEST_MEMORIES_MAX)
        .total_tables(calls * limits::GUEST_TABLES_MAX)
        .total_stacks(calls)
        .max_core_instances_per_component(limits::GUEST_CORE_INSTANCES_MAX)
        .max_memories_per_component(limits::GUEST_MEMORIES_MAX)
        .max_memories_per_module(limits::GUEST_MEMORIES_MAX)
        .max_tables_per_component(limits::GUEST_TABLES_MAX)
        .max_tables_per_module(limits::GUEST_TABLES_MAX)
        .table_elements(limits::GUEST_TABLE_ELEMENTS_MAX)
        .max_memory_size(limits::GUEST_MEMORY_BYTES_MAX)
        .pagemap_scan(if scan { Enabled::Yes } else { Enabled::No })
        .linear_memory_keep_resident(keep_resident)
        .table_keep_resident(limits::GUEST_TABLE_KEEP_RESIDENT_BYTES);
    pool
}

/// Every live engine of the process. One thread ticks them all, so that none is forgotten.
fn tick(engine: &Engine) {
    static ENGINES: OnceLock<Mutex<Vec<EngineWeak>>> = OnceLock::new();
    let engines = ENGINES.get_or_init(|| {
        std::thread::Builder::new()
            .name("epoch".into())
            .spawn(|| {
                loop {
                    std::thread::sleep(limits::EPOCH_TICK);
                    let Some(engines) = ENGINES.get() else { continue };
                    engines
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .retain(|engine| {
                            let engine = engine.upgrade();
                            engine.iter().for_each(Engine::increment_epoch);
                            engine.is_some()
                        });
                }
            })
            .expect("the system can start one thread at the start of the host");
        Mutex::default()
    });
    engines
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(engine.weak());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{CompilationCache, Sandbox, engine};
    use crate::component::Component;

    /// What one start compiled the next one finds; what is in a file that was cut short is compiled again.
    #[test]
    fn what_was_compiled_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let kept = CompilationCache::Directory(folder.path().join("kept"));
        let found = || {
            let cache = kept.open().unwrap();
            let engine = engine(Some(cache.clone())).unwrap();
            wasmtime::component::Component::new(&engine, crate::COMPONENT).unwrap();
            (cache.cache_hits(), cache.cache_misses())
        };
        assert_eq!(found(), (0, 1));
        assert_eq!(found(), (1, 0));
        for file in files_in(folder.path()) {
            std::fs::write(file, "cut short").unwrap();
        }
        assert_eq!(found(), (0, 1));
        assert_eq!(found(), (1, 0));
    }

    fn files_in(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => files.extend(files_in(&path)),
                false => files.push(path),
            }
        }
        files
    }

    /// A directory that cannot be made is no reason not to start.
    #[test]
    fn without_its_directory_a_component_is_compiled() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let nowhere = CompilationCache::Directory(file.path().join("below a file"));
        let sandbox = Sandbox::keeping(&nowhere).unwrap();
        Component::load(&sandbox, crate::COMPONENT).unwrap();
    }

    /// A core module that loops for ever is interrupted on each engine, the third as the first.
    #[test]
    fn every_engine_of_the_process_interrupts_a_loop() {
        let engines = [(); 3].map(|()| engine(None).unwrap());
        for engine in engines {
            let wat = "(module (func (export \"run\") (loop br 0)))";
            let module = wasmtime::Module::new(&engine, wat::parse_str(wat).unwrap()).unwrap();
            let mut store = wasmtime::Store::new(&engine, ());
            store.set_epoch_deadline(2);
            let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
            let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
            let error = run.call(&mut store, ()).unwrap_err();
            assert_eq!(
                error.downcast_ref::<wasmtime::Trap>(),
                Some(&wasmtime::Trap::Interrupt)
            );
        }
    }
}
