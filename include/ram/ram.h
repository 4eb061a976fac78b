// ram: a consistent distributed in-memory table. Includes the whole public interface.
#pragma once

#include "ram/batch.h"
#include "ram/event.h"
#include "ram/moment.h"
#include "ram/node.h"
#include "ram/options.h"
#include "ram/status.h"
#include "ram/table.h"
#include "ram/version.h"
