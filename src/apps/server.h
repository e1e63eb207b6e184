#pragma once

#include "apps/config/config.h"
#include "apps/keys/data_folder.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/result.h"

#include <memory>
#include <vector>

namespace twinhub::apps {

// One running hub: store, loops, listeners. The only place that knows every concrete type.
class Server {
public:
    struct Ports {
        std::uint16_t https = 0;
        std::uint16_t mqtt = 0;
        std::uint16_t amqp = 0;
        std::uint16_t plain_http = 0;
        std::uint16_t metrics = 0;
    };

    // Opens the store, replays the log, listens and serves; returns when devices may come.
    // Errors: what the store or a listener said.
    static Result<std::unique_ptr<Server>> start(const Config& config, const KeyMaterial& keys,
                                                 const Clock& clock, Random& random, Log& log);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Takes new certificates, device CAs and policies for connections to come. Errors: as start;
    // the old ones stay.
    Result<> reload(const KeyMaterial& keys);

    // Stops listening, ends connections, brings everything to disk. Bounded by the drain timeout.
    void stop();

    const Ports& ports() const;

private:
    struct Parts;
    explicit Server(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace twinhub::apps
