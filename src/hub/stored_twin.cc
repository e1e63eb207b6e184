#include "hub/stored_twin.h"

#include "hub/record.h"
#include "store/keys.h"
#include "store/record.h"

namespace twinhub::hub {

Result<TwinBodies> open_records(const StoredTwin& stored) {
    TRY(TwinBodies bodies, open_identity(stored));
    if (!stored.identity) return bodies;
    if (!stored.twin) {
        const auto id = store::parse_twin_key(stored.key);
        return failure(Code::corrupted,
                       "The twin of '" + (id ? id->text() : "?") + "' is missing in the store",
                       "twins/" + store::printable(stored.key));
    }
    TRY(const store::Opened twin,
        store::open(store::Kind::twin, twin_record_format, "twins", stored.key, *stored.twin));
    bodies.twin = twin.body;
    return bodies;
}

Result<TwinBodies> open_identity(const StoredTwin& stored) {
    TwinBodies bodies;
    if (stored.identity) {
        TRY(const store::Opened identity, store::open(store::Kind::identity, identity_format,
                                                      "identities", stored.key, *stored.identity));
        bodies.identity = identity.body;
    }
    if (stored.presence) {
        const std::string key = store::metadata_key(store::Area::presence, stored.key);
        TRY(const store::Opened presence, store::open(store::Kind::hub_state, hub_state_format,
                                                      "metadata", key, *stored.presence));
        bodies.presence = presence.body;
    }
    return bodies;
}

Result<> decode_identity_of(const TwinId& id, std::string_view body, Identity& identity) {
    TRY_VOID(decode_identity_into(identity, body));
    if (identity.id == id) return {};
    return failure(Code::corrupted, "The stored identity of '" + id.text() + "' is another one's",
                   "identities/" + store::printable(store::twin_key(id)));
}

Result<Presence> presence_at_start(std::string_view body, Ticks session_age) {
    TRY(Presence presence, decode_presence(body));
    if (presence.connected) {
        presence.connected = false;
        presence.session_expires = presence.last_activity + session_age;
        close_left_open(presence.session, presence.last_activity);
    }
    return presence;
}

}  // namespace twinhub::hub
