/// The TensorRuntime module.
enum TensorRuntimeModule {}
