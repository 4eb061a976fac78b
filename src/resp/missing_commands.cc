#include "resp/missing_commands.h"

#include <algorithm>

#include "base/ascii.h"

namespace ram::resp {
namespace {

using std::string_view;

constexpr string_view kExpiry[] = {"EXPIRE",     "PEXPIRE", "EXPIREAT", "PEXPIREAT",
                                   "EXPIRETIME", "TTL",     "PTTL",     "PEXPIRETIME",
                                   "PERSIST",    "SETEX",   "PSETEX",   "GETEX"};
constexpr string_view kTransactions[] = {"MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"};
constexpr string_view kSubscriptions[] = {"SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE",
                                          "PUBLISH",   "SSUBSCRIBE",  "PUNSUBSCRIBE",
                                          "SPUBLISH",  "PUBSUB",      "MONITOR"};
// Not all: those that tutorials begin with, and that libraries send by themselves.
constexpr string_view kTypes[] = {
    "HSET",  "HGET",    "HMSET",   "HMGET",    "HGETALL",       "HDEL",    "HINCRBY",   "HEXISTS",
    "HKEYS", "HVALS",   "HLEN",    "HSETNX",   "HSCAN",         "LPUSH",   "RPUSH",     "LPOP",
    "RPOP",  "LRANGE",  "LLEN",    "LREM",     "LTRIM",         "BLPOP",   "BRPOP",     "BLMOVE",
    "SADD",  "SREM",    "SPOP",    "SMEMBERS", "BRPOPLPUSH",    "SCARD",   "SISMEMBER", "SSCAN",
    "ZADD",  "ZREM",    "ZRANGE",  "ZSCORE",   "ZRANGEBYSCORE", "ZINCRBY", "ZCARD",     "ZRANK",
    "ZSCAN", "ZPOPMIN", "XADD",    "XREAD",    "XRANGE",        "XLEN",    "SETBIT",    "GETBIT",
    "PFADD", "GEOADD",  "PFCOUNT", "XGROUP",   "XREADGROUP"};
constexpr string_view kOthers[] = {
    "EVAL",        "EVALSHA",  "SCRIPT",     "FUNCTION",  "FCALL",     "GETRANGE", "SETRANGE",
    "INCRBYFLOAT", "RENAME",   "COPY",       "TOUCH",     "RANDOMKEY", "SORT",     "OBJECT",
    "MEMORY",      "RENAMENX", "RAM.CREATE", "RAM.RANGE", "RAM.WATCH", "RAM.ONCE", "ACL",
    "DUMP",        "DEBUG",    "SLOWLOG",    "LATENCY",   "RESTORE"};
constexpr string_view kNever[] = {"REPLICAOF", "SLAVEOF",  "FAILOVER",    "SAVE", "BGSAVE",
                                  "LASTSAVE",  "SHUTDOWN", "MIGRATE",     "MOVE", "SWAPDB",
                                  "PSYNC",     "SYNC",     "BGREWRITEAOF"};

constexpr MissingCommands kMissing[] = {
    {"(not supported by ram yet: no key expires)", kExpiry},
    {"(not supported by ram yet: every command is a transaction of its own; RAM.CAS and MSETNX are "
     "conditional)",
     kTransactions},
    {"(not supported by ram yet: there are no subscriptions)", kSubscriptions},
    {"(not supported by ram yet: values are strings)", kTypes},
    {"(not supported by ram yet)", kOthers},
    {"(not supported by ram: it is in memory only, and every node takes every command)", kNever},
};

}  // namespace

std::span<const MissingCommands> missing_commands() {
  return kMissing;
}

string_view why_missing(string_view name) {
  for (const MissingCommands& missing : kMissing) {
    const bool listed = std::ranges::any_of(
        missing.names, [name](string_view each) { return is_word(name, each); });
    if (listed) return missing.why;
  }
  return "";
}

}  // namespace ram::resp
