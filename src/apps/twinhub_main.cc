#include "apps/cli/command.h"
#include "apps/serve.h"
#include "gateway/tls/spare_buffers.h"

#include <csignal>
#include <cstdlib>
#include <iostream>

// The one binary: server and command line.
int main(int count, char** words) {
    std::signal(SIGPIPE, SIG_IGN);
    twinhub::gateway::keep_spare_tls_buffers();
    const std::vector<std::string> arguments(words + 1, words + count);
    const twinhub::apps::cli::Surroundings around{
        std::cout, std::cerr,
        [](const char* name) { return static_cast<const char*>(std::getenv(name)); },
        twinhub::apps::serve};
    return twinhub::apps::cli::run(arguments, around);
}
