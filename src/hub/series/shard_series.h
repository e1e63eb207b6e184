#pragma once

#include "fleet/ids.h"
#include "hub/series/sample.h"
#include "hub/series/series_names.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace twinhub::fleet {
class Table;
}  // namespace twinhub::fleet

namespace twinhub::hub {

struct State;

// How a shard's devices stand, kept as they change: all of them, and by the values of the paths
// that the settings name. Says in time independent of the fleet how many there are; costs a byte a
// device, and two for each path. On the shard's loop.
class ShardSeries {
public:
    explicit ShardSeries(SeriesNames& names) : names_(names), by_(names.paths().size()) {}

    // --- at start, when the columns are full and nobody is connected
    // ------------------------------ visit(value), for each device that has the path.
    static void each_value(const fleet::Table& devices, const SeriesPath& path,
                           const std::function<void(const query::Value&)>& visit);
    void fill(const fleet::Table& devices);

    // Whether what a device is counted by may have changed.
    bool is_moved(const State& before, const State& next) const;
    // A row that is new, or whose values may be others.
    void place(fleet::Row row, const twin::Twin& twin);
    void stand(fleet::Row row, twin::drift::State state);
    // Its device came, or went.
    void connection(fleet::Row row, bool connected);
    void leave(fleet::Row row);

    struct Tally {
        SeriesCounts all;
        std::vector<std::vector<SeriesCounts>> by;  // by path and SeriesNames::Group
    };
    // As it is now; connects begin anew.
    Tally take();

private:
    struct Cell {
        bool live : 1 = false;
        bool connected : 1 = false;
        std::uint8_t state : 4 = 0;
    };
    struct By {
        std::vector<SeriesNames::Group> groups;  // by row
        std::vector<SeriesCounts> counts;        // by group
    };
    void room(fleet::Row row);
    SeriesCounts& counts_of(By& by, fleet::Row row);
    template <class Visit>
    void each(fleet::Row row, Visit visit);
    void add(fleet::Row row);
    void subtract(fleet::Row row);

    SeriesNames& names_;
    std::vector<Cell> cells_;  // by row
    SeriesCounts all_;
    std::vector<By> by_;  // by path
};

}  // namespace twinhub::hub
