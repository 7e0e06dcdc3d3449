#pragma once

#include <cstddef>
#include <cstdint>

/// What the module offers: plain functions, so that it is loaded by a program that was linked without MPI and shares
/// nothing else with it. Those that can fail return what MPI says of it, until the next call, or null.
struct KeelMpi {
  int rank;
  int size;
  /// Numbers of an operation under way, from 0.
  const char* (*begin_all_gather)(void* memory, const std::size_t* offsets, int lane, int* operation);
  const char* (*begin_all_to_all)(const void* sent, void* received, const std::size_t* offsets, int lane,
                                  int* operation);
  /// Whether it is done; its number is free then.
  const char* (*test)(int operation, int* done);
  const char* (*post)(const char* text, std::size_t length);
  /// The sender of the next text, of which the length is put out; -1 if there is none.
  int (*probe)(std::size_t* length);
  /// Takes the text that was probed.
  const char* (*receive)(char* text);
  const char* (*finish)();
  void (*abort)(int status);
};

extern "C" {
/// Begins MPI in this process. Null where that fails; `why` says then what MPI says.
const KeelMpi* keel_mpi_begin(const char** why);
}
