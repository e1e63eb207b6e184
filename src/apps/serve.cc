#include "apps/serve.h"

#include "apps/keys/data_folder.h"
#include "apps/keys/pid_file.h"
#include "apps/server.h"

#include <csignal>
#include <cstdio>

namespace twinhub::apps {
namespace {

int refuse(const Error& error) {
    std::fprintf(stderr, "twinhub: %s%s%s\n", error.message.c_str(),
                 error.where.empty() ? "" : " at ", error.where.c_str());
    return 1;
}

}  // namespace

int serve(const Config& config) {
    SystemClock clock;
    SystemRandom random;
    Log log;
    log.configure(config.log_level, config.log_format);

    // Signals are taken here, in order, and by no other thread.
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, number);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);

    const auto prepared = prepare_data_folder(config, random, clock.now());
    if (!prepared) return refuse(prepared.error());
    const auto held = PidFile::hold(config.pid_path());
    if (!held) return refuse(held.error());
    for (const std::string& file : prepared->made) log.info("data_folder.made", {{"file", file}});
    for (const std::string& warning : prepared->warnings)
        log.warn("data_folder.warning", {{"what", warning}});
    const auto keys = load_key_material(config, clock.now());
    if (!keys) return refuse(keys.error());
    for (const std::string& warning : keys->warnings) log.warn("keys.warning", {{"what", warning}});

    auto server = Server::start(config, *keys, clock, random, log);
    if (!server) return refuse(server.error());
    if (prepared->first_start) {
        std::fputs(welcome_text(config, keys->policies).c_str(), stdout);
        std::fflush(stdout);
    }

    while (true) {
        int number = 0;
        ::sigwait(&signals, &number);
        if (number != SIGHUP) {
            log.info("server.stopping", {{"signal", number}});
            break;
        }
        // What is wrong now leaves what was right before in force.
        const auto fresh = load_key_material(config, clock.now());
        const Result<> taken =
            fresh ? (*server)->reload(*fresh) : Result<>(std::unexpected(fresh.error()));
        if (taken) log.info("server.reloaded");
        else
            log.error("server.reload_refused",
                      {{"what", taken.error().message}, {"where", taken.error().where}});
    }
    (*server)->stop();
    return 0;
}

}  // namespace twinhub::apps
