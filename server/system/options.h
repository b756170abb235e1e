#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "server/system/sandbox/sandbox_options.h"

namespace replwire::server {

struct Options {
  std::string python;                 // empty: see app/chosen_python.h
  bool prefer_embedded = false;       // where both ways are possible
  std::vector<std::string> switches;  // what Python itself is told
  std::string cwd;                    // empty: the current folder
  std::string startup;                // empty: none
  bool jedi = false;                  // --complete jedi
  std::string ipython = "never";      // or "always", "auto": where it is installed
  std::string log;                    // empty: none
  std::string record;                 // empty: none
  std::size_t max_frame_bytes = 16 * 1024 * 1024;
  std::optional<std::size_t> queue_limit;
  std::size_t queue_bytes = 64 * 1024 * 1024;
  std::size_t output_buffer = 8 * 1024 * 1024;
  std::optional<std::size_t> output_limit;
  double timeout = 0;                        // seconds; 0: none
  double exit_timeout = 2;                   // seconds; 0: none
  std::size_t memory_limit = 0;              // bytes; 0: none
  std::string on_stuck = "wait";             // or "exit"
  std::optional<double> heartbeat;           // seconds
  std::string figure_format = "png";         // or "svg"
  std::string position_encoding = "utf-32";  // or "utf-16", "utf-8"
  std::optional<std::int64_t> width;         // columns
  std::string restore;                       // empty: none, as `autosave`
  std::string autosave;
  double autosave_every = 60;  // seconds
  bool survive = false;
  std::string survive_level = "safe";                  // or "early", "fast"
  std::size_t snapshots = 3;                           // kept, of those that the server takes
  std::size_t snapshot_limit = std::size_t{2} << 30U;  // bytes resident
  std::size_t sessions = 64;                           // the first one and its branches
  bool leave_children = false;
  bool fail_on_error = false;
  bool stop_on_error = false;
  bool strict = false;
  SandboxOptions sandbox;
  std::vector<ResourceLimit> limits;
  bool clear_env = false;  // but for these
  std::vector<std::string> kept_env;

  // IPython is loaded while the client does something with `ready`. A start-up file is to find it.
  bool loads_ipython_late() const { return ipython == "auto" && startup.empty(); }
};

// The options, or the exit status when there is nothing to run: 0 after --help and --version, 2 for
// wrong usage; what there was to say has been printed.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace replwire::server
