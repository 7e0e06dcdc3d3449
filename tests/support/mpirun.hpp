#pragma once

#include <boost/test/unit_test.hpp>

#include "process.hpp"

namespace keel::test {

/// What the shell is told before `mpirun`, so that it starts any number of ranks, as any user: Open MPI of version 4
/// or 5, or another MPI, which ignores it.
inline constexpr auto mpirun_environment =
    "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "
    "OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none "
    "PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe PRTE_MCA_hwloc_default_binding_policy=none; ";

/// Whether tests can start ranks: not where mpirun does not start two processes, nor under AddressSanitizer, which would take what MPI leaves in
/// memory for keel's leaks; what ranks do is tested there with threads.
inline boost::test_tools::assertion_result can_start_ranks(boost::unit_test::test_unit_id /*unused*/) {
#ifdef __SANITIZE_ADDRESS__
  constexpr bool sanitized = true;
#else
  constexpr bool sanitized = false;
#endif
  const TemporaryFolder folder;
  const auto started = run_command(std::string{mpirun_environment} + "mpirun -n 2 true", folder.path());
  boost::test_tools::assertion_result result{!sanitized && started.status == 0};
  result.message() << (sanitized ? "MPI is not instrumented" : "mpirun starts nothing here: " + started.err);
  return result;
}

}  // namespace keel::test
