#include "keel/runtime/mpi_transport.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "keel/runtime/communicator.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/mpi/module.hpp"
#include "keel/runtime/rank_protocol.hpp"

namespace keel {
namespace {

namespace fs = std::filesystem;

constexpr auto module_name = "keel-mpi.so";

void check(const char* error) {
  if (error != nullptr) throw Error{fmt::format("MPI: {}", error)};
}

int number_in_environment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::atoi(text);
}

// Ends the process where MPI itself waits for longer than the timeout, which it does for as long as it takes: when it
// begins and ends, all ranks have to be there. Rank 0 says so, and mpirun then ends the others.
class Deadline {
 public:
  explicit Deadline(const char* what)
      : thread_([this, what, seconds = rank_timeout()] {
          const bool first = number_in_environment("OMPI_COMM_WORLD_RANK") +
                                 number_in_environment("PMI_RANK") + number_in_environment("PMIX_RANK") ==
                             0;
          std::unique_lock lock{mutex_};
          const auto wait = std::chrono::duration<double>{first ? seconds : seconds + 1.0};
          if (past_.wait_for(lock, wait, [this] { return done_; })) return;
          fmt::print(stderr, "keel: MPI could not {} within {} s, since a rank shows no sign of life\n", what,
                     seconds);
          std::fflush(nullptr);
          std::_Exit(1);
        }) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() {
    {
      const std::lock_guard lock{mutex_};
      done_ = true;
    }
    past_.notify_all();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable past_;
  bool done_ = false;
  std::thread thread_;
};

class MpiOperation final : public Transport::Operation {
 public:
  MpiOperation(const KeelMpi& mpi, int number) : mpi_(mpi), number_(number) {}
  [[nodiscard]] bool done() override {
    if (done_ == 0) check(mpi_.test(number_, &done_));
    return done_ != 0;
  }

 private:
  const KeelMpi& mpi_;
  int number_;
  int done_ = 0;
};

class MpiTransport final : public Transport {
 public:
  explicit MpiTransport(const KeelMpi& mpi) : mpi_(mpi) {}
  [[nodiscard]] int rank() const override { return mpi_.rank; }
  [[nodiscard]] int size() const override { return mpi_.size; }

  std::unique_ptr<Operation> all_gather(std::byte* memory, std::span<const std::size_t> offsets,
                                        Lane lane) override {
    int number = 0;
    check(mpi_.begin_all_gather(memory, offsets.data(), static_cast<int>(lane), &number));
    return std::make_unique<MpiOperation>(mpi_, number);
  }
  std::unique_ptr<Operation> all_to_all(const std::byte* sent, std::byte* received,
                                        std::span<const std::size_t> offsets, Lane lane) override {
    int number = 0;
    check(mpi_.begin_all_to_all(sent, received, offsets.data(), static_cast<int>(lane), &number));
    return std::make_unique<MpiOperation>(mpi_, number);
  }

  void post(const std::string& text) override { check(mpi_.post(text.data(), text.size())); }
  [[nodiscard]] bool posts_are_there() override {
    std::size_t length = 0;
    return mpi_.probe(&length) >= 0;
  }
  std::vector<std::pair<int, std::string>> posted() override {
    std::vector<std::pair<int, std::string>> texts;
    std::size_t length = 0;
    for (int from = mpi_.probe(&length); from >= 0; from = mpi_.probe(&length)) {
      std::string text(length, '\0');
      check(mpi_.receive(text.data()));
      texts.emplace_back(from, std::move(text));
    }
    return texts;
  }

  void finish() override {
    const Deadline deadline{"end"};
    check(mpi_.finish());
  }
  [[noreturn]] void abort(int status) override {
    mpi_.abort(status);
    std::_Exit(status);
  }

 private:
  const KeelMpi& mpi_;
};

// The folders of the library and of the program that keel's code lies in.
std::vector<fs::path> own_folders() {
  std::error_code error;
  std::vector<fs::path> folders;
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&started_as_rank), &info) != 0 && info.dli_fname != nullptr)
    folders.push_back(fs::absolute(fs::path{info.dli_fname}, error).parent_path());
  folders.push_back(fs::read_symlink("/proc/self/exe", error).parent_path());
  return folders;
}

// Where it is installed, or built.
fs::path module_path() {
  if (const char* given = std::getenv("KEEL_MPI_MODULE")) return given;
  std::error_code error;
  for (const auto& folder : own_folders()) {
    for (const auto* place : {"keel", "../" KEEL_MODULE_FOLDER, "../runtime/mpi", "../../runtime/mpi"})
      if (fs::exists(folder / place / module_name, error)) return folder / place / module_name;
  }
  return {};
}

}  // namespace

// Open MPI's mpirun, MPICH's, and srun with either's interface. Slurm's own variables are there without srun, too.
bool started_as_rank() {
  return number_in_environment("OMPI_COMM_WORLD_SIZE") > 1 || number_in_environment("PMI_SIZE") > 1 ||
         (std::getenv("PMIX_RANK") != nullptr && number_in_environment("SLURM_STEP_NUM_TASKS") > 1);
}

std::shared_ptr<Transport> mpi_transport() {
  const auto path = module_path();
  if (path.empty()) {
    throw Error{fmt::format(
        "this process was started as one of several ranks, but keel was built without MPI, or its module "
        "{} is gone: install libopenmpi-dev and build keel again, or name the module in KEEL_MPI_MODULE",
        module_name)};
  }
  // MPI loads parts of its own, which look for its symbols among the global ones.
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (module == nullptr) throw Error{fmt::format("keel's module for MPI can't be loaded: {}", dlerror())};
  const auto begin = reinterpret_cast<decltype(&keel_mpi_begin)>(dlsym(module, "keel_mpi_begin"));
  if (begin == nullptr) throw Error{fmt::format("'{}' is not keel's module for MPI", path.string())};
  const char* why = nullptr;
  const Deadline deadline{"begin"};
  const KeelMpi* mpi = begin(&why);
  if (mpi == nullptr) throw Error{fmt::format("MPI can't be begun: {}", why)};
  return std::make_shared<MpiTransport>(*mpi);
}

Communicator Communicator::world() {
  if (!started_as_rank()) return {};
  auto transport = mpi_transport();
  if (transport->size() > 1) return Communicator{std::move(transport)};
  throw Error{
      "this process was started as one of several ranks, but by another MPI than that of keel's module, which "
      "sees one rank alone: start it by the mpirun of that MPI, or name a module of this one in KEEL_MPI_MODULE"};
}

}  // namespace keel
