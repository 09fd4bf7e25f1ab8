"""The lists of the storage surface as SQL: requests, jobs, and what lies in boxes."""

from chalicelib.kernel.listing import Found, Listing, ListQuery, enumeration, integer, number, text, timestamp
from chalicelib.kernel.uow import UnitOfWork

REQUEST_TYPES = (
    "FULFILLMENT", "REPLENISHMENT", "FETCH", "ONBOARDING", "OFFBOARDING", "RFID_WRITE", "PAUSE", "RESUME", "CHARGING",
    "UNCHARGING", "CARRIER_ONBOARDING",
)  # fmt: skip
REQUEST_STATES = ("CREATED", "ACCEPTED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED")
JOB_TYPES = ("FULFILLMENT", "REPLENISHMENT", "FETCH", "CHARGING", "UNCHARGING")
JOB_STATES = ("CREATED", "ACCEPTED", "RUNNING", "WAITING", "COMPLETED", "FAILED", "CANCELLED")

REQUESTS = Listing(
    "StorageRequests",
    columns="""
        r.id, r.counter, r.type, r.status, r.priority, r.bot_id, r.level_id, r.placing_pos, r.warnings, r.created_at,
        r.updated_at,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('id', e.entity_id, 'entity_type', e.entity_type,
                    'job_type', e.job_type, 'total_quantity', e.total, 'succeeded_quantity', e.succeeded,
                    'completed_quantity', e.completed, 'cancelled_quantity', e.cancelled) ORDER BY e.position), '[]')
           FROM storage_request_entity e
          WHERE e.organization_id = r.organization_id AND e.request_id = r.id) AS entities""",
    source="FROM storage_request r",
    fields=(
        text("id", "r.id", "eq in"),
        integer("counter", "r.counter", "eq"),
        integer("placing_pos", "r.placing_pos", "eq"),
        integer("priority", "r.priority", "eq"),
        enumeration("status", "r.status", "eq in", values=REQUEST_STATES),
        enumeration("type", "r.type", "eq in", values=REQUEST_TYPES),
        timestamp("created_at", "r.created_at", "gte lte"),
        timestamp("updated_at", "r.updated_at", "gte lte"),
    ),
    default_sort="-created_at",
    tiebreaker="r.counter",
)

JOBS = Listing(
    "StorageJobs",
    columns="""
        j.id, j.request_id, j.type, j.status, j.bot_id, j.box_id, c.code AS carrier_id, j.balcony_id, c.level_id,
        v.sku AS sku_id, coalesce(nullif(v.name, ''), p.name) AS sku_name, j.quantity,
        CASE WHEN v.id IS NOT NULL THEN coalesce(k.measurement_unit, 'PIECE') END AS measurement_unit,
        CASE WHEN v.id IS NOT NULL THEN coalesce(k.on_empty_sku_action, 'UNASSIGN') END AS on_empty_sku_action,
        j.created_at, j.updated_at""",
    source="""
        FROM storage_job j
        LEFT JOIN carrier c ON c.id = j.carrier_id
        LEFT JOIN variant v ON v.id = j.variant_id
        LEFT JOIN product p ON p.id = v.product_id
        LEFT JOIN storage_sku k ON k.variant_id = j.variant_id""",
    fields=(
        text("id", "j.id", "eq"),
        text("request_id", "j.request_id", "eq in"),
        integer("balcony_id", "j.balcony_id", "eq"),
        integer("level_id", "c.level_id", "eq"),
        enumeration("status", "j.status", "eq in", values=JOB_STATES),
        enumeration("type", "j.type", "eq in", values=JOB_TYPES),
        timestamp("created_at", "j.created_at", "gte lte"),
        timestamp("updated_at", "j.updated_at", "gte lte"),
    ),
    default_sort="-created_at",
    tiebreaker="j.id",
)

# One row per load (box, SKU and lot), per empty box, and per free space of a carrier. Plain joins, so that the planner may
# begin at whichever side a filter makes small. A SKU whose empty boxes stay assigned (DO_NOTHING) is shown with 0 units.
INVENTORY = Listing(
    "InventoryView",
    columns="""
        s.id AS space_id, l.variant_id, l.lot_id, s.bin_id AS box_id, s.size AS box_size, s.size_label AS box_size_string,
        s.height_max_mm AS box_height_string_max, c.code AS carrier_id, lot.number AS content_codes, c.depth,
        CASE WHEN c.balcony_id IS NOT NULL THEN 0::float8 ELSE storage.bring_s END AS eta,
        l.on_hand AS loaded, s.items_max AS item_count_max, c.level_id, c.position_x, c.position_y,
        CASE WHEN v.id IS NOT NULL THEN coalesce(k.measurement_unit, 'PIECE') END AS measurement_unit,
        CASE WHEN v.id IS NOT NULL THEN coalesce(k.on_empty_sku_action, 'UNASSIGN') END AS on_empty_sku_action,
        s.section_code_8 AS section_code, s.section_code::text::numeric AS section_code_32, v.sku AS sku_id,
        coalesce(nullif(v.name, ''), p.name) AS sku_name,
        greatest(s.updated_at, c.updated_at, l.updated_at) AS updated_at""",
    source="""
        FROM carrier_space s
        JOIN carrier c ON c.id = s.carrier_id
        LEFT JOIN (stock_level l LEFT JOIN storage_sku k ON k.variant_id = l.variant_id)
               ON l.account_id = s.account_id AND (l.on_hand > 0 OR k.on_empty_sku_action = 'DO_NOTHING')
        LEFT JOIN lot ON lot.id = l.lot_id
        LEFT JOIN variant v ON v.id = l.variant_id
        LEFT JOIN product p ON p.id = v.product_id
        LEFT JOIN robot_storage storage ON storage.organization_id = s.organization_id""",
    condition="s.bin_id IS NOT NULL OR s.size > 0",
    fields=(
        integer("id", "s.id"),
        text("box_id", "s.bin_id::text", "eq ilike", null_word="none", sort="s.bin_id"),
        text("carrier_id", "c.code", "eq ilike", is_searchable=True),
        text("box_size_string", "s.size_label", "eq in ilike", is_searchable=True),
        text("box_height_string_max", "s.height_max_mm::text", "eq ilike", is_searchable=True, sort="s.height_max_mm"),
        text("section_code", "s.section_code_8", "eq", is_searchable=True),
        number("section_code_32", "s.section_code::text::numeric", "eq", is_searchable=True),
        text("sku_id", "v.sku", "eq ilike", null_word="none", is_searchable=True),
        text("sku_name", "coalesce(nullif(v.name, ''), p.name)", "ilike", is_searchable=True),
        text("content_codes", "lot.number", "ilike"),
        integer("depth", "c.depth", "eq in ilike gte lte"),
        integer(
            "eta_int", "CASE WHEN c.balcony_id IS NOT NULL THEN 0 ELSE round(storage.bring_s) END::bigint", "ilike"
        ),
        integer("item_count", "coalesce(l.on_hand, CASE WHEN s.bin_id IS NOT NULL THEN 0 END)", "eq ilike"),
        integer("item_count_max", "s.items_max", "eq ilike"),
        integer("level_id", "c.level_id", "in"),
        text(
            "measurement_unit",
            "CASE WHEN v.id IS NOT NULL THEN coalesce(k.measurement_unit, 'PIECE') END",
            "in",
        ),
        integer("position_x", "c.position_x", "eq ilike"),
        integer("position_y", "c.position_y", "eq ilike"),
        integer("system_quantity", "coalesce(l.on_hand, CASE WHEN s.bin_id IS NOT NULL THEN 0 END)", "eq ilike"),
        timestamp("updated_at", "greatest(s.updated_at, c.updated_at, l.updated_at)", "gte lte"),
    ),
    default_sort="id",
    tiebreaker="s.id, l.variant_id, l.lot_id",
)


def list_requests(uow: UnitOfWork, query: ListQuery) -> Found:
    """Requests with their entities."""
    return REQUESTS.read(uow, query)


def list_jobs(uow: UnitOfWork, query: ListQuery) -> Found:
    """Jobs with what they bring."""
    return JOBS.read(uow, query)


def list_inventory(uow: UnitOfWork, query: ListQuery) -> Found:
    """Loads, empty boxes and free spaces."""
    return INVENTORY.read(uow, query)
