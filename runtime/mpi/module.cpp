#include "keel/runtime/mpi/module.hpp"

#include <mpi.h>

#include <array>
#include <deque>
#include <string>
#include <vector>

// All that knows MPI's interface.

namespace {

constexpr int lanes = 3;
constexpr int text_tag = 1;

struct State {
  KeelMpi functions{};
  std::array<MPI_Comm, lanes> lane{};  // of their own, so that none can be mistaken for another
  MPI_Comm texts{};
  std::vector<MPI_Request> requests;
  std::vector<std::vector<int>> counts;  // by request: MPI may read them until it is done
  MPI_Message probed = MPI_MESSAGE_NULL;
  int probed_length = 0;
  int probed_from = 0;
  std::deque<std::string> sent;  // texts, which may be on their way to the end
  std::string error;
};

State& state() {
  static State the_state;
  return the_state;
}

const char* error_of(int code) {
  if (code == MPI_SUCCESS) return nullptr;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  state().error.assign(text.data(), static_cast<std::size_t>(length));
  return state().error.c_str();
}

int free_number() {
  auto& requests = state().requests;
  for (std::size_t i = 0; i < requests.size(); ++i)
    if (requests[i] == MPI_REQUEST_NULL) return static_cast<int>(i);
  requests.push_back(MPI_REQUEST_NULL);
  state().counts.emplace_back();
  return static_cast<int>(requests.size()) - 1;
}

// Counts, then displacements, of each rank's part.
const int* parts_of(const std::size_t* offsets, std::vector<int>& numbers) {
  const auto size = static_cast<std::size_t>(state().functions.size);
  numbers.resize(4 * size);
  for (std::size_t r = 0; r < size; ++r) {
    numbers[r] = static_cast<int>(offsets[r + 1] - offsets[r]);
    numbers[size + r] = static_cast<int>(offsets[r]);
  }
  return numbers.data();
}

const char* begin_all_gather(void* memory, const std::size_t* offsets, int lane, int* operation) {
  auto& all = state();
  const auto number = static_cast<std::size_t>(*operation = free_number());
  const int* counts = parts_of(offsets, all.counts[number]);
  return error_of(MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, memory, counts,
                                  counts + all.functions.size, MPI_BYTE,
                                  all.lane[static_cast<std::size_t>(lane)], &all.requests[number]));
}

const char* begin_all_to_all(const void* sent, void* received, const std::size_t* offsets, int lane,
                             int* operation) {
  auto& all = state();
  const auto number = static_cast<std::size_t>(*operation = free_number());
  const int* counts = parts_of(offsets, all.counts[number]);
  const int size = all.functions.size;
  int* own = all.counts[number].data() + std::ptrdiff_t{2} * size;
  const int rank = all.functions.rank;
  const int length = counts[rank];
  for (int r = 0; r < size; ++r) {
    own[r] = r == rank ? 0 : length;
    own[size + r] = (r < rank ? r : r - 1) * length;
  }
  own[size + rank] = 0;
  all.counts[number][static_cast<std::size_t>(rank)] = 0;
  return error_of(MPI_Ialltoallv(sent, counts, counts + size, MPI_BYTE, received, own, own + size, MPI_BYTE,
                                 all.lane[static_cast<std::size_t>(lane)], &all.requests[number]));
}

const char* test(int operation, int* done) {
  return error_of(MPI_Test(&state().requests[static_cast<std::size_t>(operation)], done, MPI_STATUS_IGNORE));
}

// Nobody waits for texts: their requests are given up.
// NOLINTBEGIN(clang-analyzer-optin.mpi.MPI-Checker)
const char* post(const char* text, std::size_t length) {
  auto& all = state();
  all.sent.emplace_back(text, length);
  for (int r = 0; r < all.functions.size; ++r) {
    if (r == all.functions.rank) continue;
    MPI_Request request{};
    if (const char* why = error_of(MPI_Isend(all.sent.back().data(), static_cast<int>(length), MPI_CHAR, r,
                                             text_tag, all.texts, &request)))
      return why;
    MPI_Request_free(&request);
  }
  return nullptr;
}

// NOLINTEND(clang-analyzer-optin.mpi.MPI-Checker)

int probe(std::size_t* length) {
  auto& all = state();
  MPI_Status status;
  if (all.probed == MPI_MESSAGE_NULL) {
    int found = 0;
    if (MPI_Improbe(MPI_ANY_SOURCE, text_tag, all.texts, &found, &all.probed, &status) != MPI_SUCCESS ||
        found == 0)
      return -1;
    MPI_Get_count(&status, MPI_CHAR, &all.probed_length);
    all.probed_from = status.MPI_SOURCE;
  }
  *length = static_cast<std::size_t>(all.probed_length);
  return all.probed_from;
}

const char* receive(char* text) {
  auto& all = state();
  return error_of(MPI_Mrecv(text, all.probed_length, MPI_CHAR, &all.probed, MPI_STATUS_IGNORE));
}

const char* finish() {
  return error_of(MPI_Finalize());
}

void abort_all(int status) {
  MPI_Abort(MPI_COMM_WORLD, status);
}

const char* open() {
  auto& all = state();
  int given = 0;
  if (const char* why = error_of(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &given)))
    return why;
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &all.functions.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &all.functions.size);
  for (auto& lane : all.lane)
    if (const char* why = error_of(MPI_Comm_dup(MPI_COMM_WORLD, &lane))) return why;
  return error_of(MPI_Comm_dup(MPI_COMM_WORLD, &all.texts));
}

}  // namespace

const KeelMpi* keel_mpi_begin(const char** why) {
  auto& functions = state().functions;
  functions.begin_all_gather = begin_all_gather;
  functions.begin_all_to_all = begin_all_to_all;
  functions.test = test;
  functions.post = post;
  functions.probe = probe;
  functions.receive = receive;
  functions.finish = finish;
  functions.abort = abort_all;
  *why = open();
  return *why == nullptr ? &functions : nullptr;
}
