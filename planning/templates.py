"""What `patrol init` writes: a commented configuration and one small, valid example of every input file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hotspot.errors import ConfigError, OutputError
from planning.config import LANGUAGES
from planning.force import TEAM_COLUMNS

_WEST, _SOUTH, _EAST, _NORTH = 109.72, 38.24, 109.74, 38.25
_NAMES = {
    "zh": {
        "community": "示例社区",
        "street": "示例街道",
        "way": "示例路",
        "point": "示例巡逻支点",
        "team": "示例义警队",
        "event": "示例活动",
    },
    "en": {
        "community": "Example community",
        "street": "Example street office",
        "way": "Example Road",
        "point": "Example patrol point",
        "team": "Example team",
        "event": "Example event",
    },
}

# configuration lines: (the line, the comment in Chinese, the comment in English); "#" leads a default that holds anyway
_CONFIG: tuple[tuple[str, str, str], ...] = (
    ("[district]", "辖区", "the district"),
    ('name = "{district}"', "显示在地图和任务单上的名称", "shown on maps and sheets"),
    ('timezone = "Asia/Shanghai"', "IANA 时区名", "IANA name"),
    ('crs = "EPSG:32649"', "以米为单位的投影坐标系（此处 UTM 49N）", "projected, in metres (here UTM 49N)"),
    ('language = "{language}"', "zh 或 en：地图、任务单、报告", "zh or en: maps, sheets, reports"),
    ('areas = "areas.geojson"', "社区面：id, name, street；合起来即研究区", "communities; together the study area"),
    ('# calendar = "CN"', "可选：节假日与调休（国家代码或文件）", "optional holidays: a country code or a file"),
    ("", "", ""),
    ("[incidents]", "警情历史", "the incident history"),
    ('path = "incidents.csv"', "csv、xlsx、parquet、gpkg 等，可写成列表", "csv, xlsx, parquet, gpkg ...; or a list"),
    ('datum = "wgs84"', "wgs84、gcj02、bd09 或 EPSG 代码", "wgs84, gcj02, bd09 or an EPSG code"),
    ('# columns = { time = "报警时间" }', "只写与标准列名不同的列", "only names that differ from the standard ones"),
    ("# max_rejected_share = 0.01", "坏行超过此比例即拒收", "more bad rows than this share: rejected"),
    ("# time_formats = []", '日月顺序等有歧义的写法须声明，如 ["%d/%m/%Y %H:%M"]', 'ambiguous forms, such as ["%d/%m/%Y %H:%M"]'),
    ("# coordinate_forms = []", "还可读 dms decimal_comma full_width", "read as well: dms, decimal_comma, full_width"),
    ('# same_id = "earliest"', "同号多次来电保留最早一条；refuse 为拒收", "calls of one id: keep the earliest, or refuse"),
    ("", "", ""),
    ("[categories]", '警情类别 -> 勤务；"" 表示不参与研判', 'category -> activity; "" = not used for hotspots'),
    ('theft = "patrol"', "治安巡逻", "patrol"),
    ('fraud = "anti_fraud_publicity"', "反诈宣传", "anti-fraud publicity"),
    ('dispute = "dispute_mediation"', "矛盾调解", "dispute mediation"),
    ('fire_hazard = "hazard_inspection"', "隐患排查", "hazard inspection"),
    ('nuisance = "information_collection"', "信息采集", "information collection"),
    ('traffic = ""', "不参与", "not used"),
    ("", "", ""),
    ("[streets]", "路网；另可写 closures（封闭）、congestion（拥堵）、speeds（自定速度），见 data/README.md",
     "the streets; closures, congestion and speeds may be added, see data/README.md"),
    ('path = "streets.geojson"', "也可 .osm.pbf .gpkg .parquet .graphml", "or .osm.pbf .gpkg .parquet .graphml"),
    ("", "", ""),
    ("[points]", "巡逻支点：kind 为 office 或 workstation", "patrol points; kind: office or workstation"),
    ('path = "points.csv"', "", ""),
    ("", "", ""),
    ("[teams]", "义警队：kind 为 community enterprise school unit grid parking；mode 为 walk ebike car",
     "teams; kind: community enterprise school unit grid parking; mode: walk ebike car"),
    ('path = "teams.csv"', "角色用 ; 分隔：propagandist mediator collector grid_worker；vetted 填 yes 或 no",
     "roles, separated by ; : propagandist mediator collector grid_worker; vetted: yes or no"),
    ("", "", ""),
    ("[roles]", "哪些角色可承担哪项勤务（以下为默认值）", "which roles may do which activity (these are the defaults)"),
    ('# patrol = ["any"]', "任何队伍", "every team"),
    ('# anti_fraud_publicity = ["propagandist", "grid_worker"]', "", ""),
    ('# dispute_mediation = ["mediator"]', "", ""),
    ('# hazard_inspection = ["grid_worker", "collector"]', "", ""),
    ('# information_collection = ["collector", "grid_worker"]', "", ""),
    ("", "", ""),
    ("[hotspots]", "高发区域（以下为默认值）", "hotspots (these are the defaults)"),
    ("# cell_m = 250", "网格边长，米", "side of a cell, metres"),
    ('# model = "auto"', "auto 为历史内部回测的优胜者", "auto = the winner of a backtest inside the history"),
    ("# area_share = 0.05", "重点部位占研究区面积的上限", "key places: at most this share of the area"),
    ("# key_hours_share = 0.5", "重点时段占小时数的上限", "key times: at most this share of the hours"),
    ("# budget_cell_hours = 0", "巡防力量可覆盖的网格小时数；大于 0 时代替以上两个比例",
     "cell-hours that the patrols can cover; above 0 it takes the place of the two shares"),
    ("# max_radius_m = 400", "一个高发区域的最大半径，米", "largest radius of a hotspot, metres"),
    ("# patrol_found_weight = 0", "巡逻中发现的警情的权重；0 可避免反馈循环",
     "weight of incidents that patrols found; 0 keeps patrols from chasing themselves"),
    ("", "", ""),
    ("[planning]", "巡防任务（以下为默认值）", "visits (these are the defaults)"),
    ("# dwell_min = [10, 16]", "每次停留的分钟数：最短、最长", "minutes of a stop: least, most"),
    ("# max_leg_min = 20", "两站之间最长路程，分钟", "longest way between two stops, minutes"),
    ("# revisit_gap_min = 30", "同一区域两次巡防的最短间隔，分钟", "between two visits to one hotspot, minutes"),
    ("# max_visits = 3", "同一时段内的最多次数", "most visits in one key time"),
    ("# max_snap_m = 300", "地点到最近道路的最大距离，米", "farthest that a place may lie from a street, metres"),
    ("# min_members = 2", "每队最少人数", "fewest people who may serve"),
    ("# night_min_members = 2", "夜间最少人数", "fewest people at night"),
    ('# night_hours = ["22:00", "06:00"]', "夜间", "the night"),
    ("# least_per_community = 0", "每个社区希望的最少次数；不足时在报告中说明",
     "visits wished for in each community; what is missed is reported"),
    ("# most_per_community = 0", "每个社区的最多次数；0 为不限", "most visits to a community; 0 = no limit"),
    ("# least_visits = 0", "每队希望的最少次数", "visits wished for of each team"),
    ("# most_visits = 0", "每队最多次数；0 为不限", "most visits of a team; 0 = no limit"),
    ("# least_work_min = 0", "每队希望的最少工作分钟数（路程和停留）",
     "minutes of work wished for of each team: travel and stops"),
    ("# most_work_min = 1440", "每队最多工作分钟数", "most minutes of work of a team"),
    ("# variety_loss = 0", "为使路线难以预料可放弃的价值份额，例如 0.005",
     "share of the value given up so that nobody can foresee the plan, for example 0.005"),
    ("", "", ""),
    ("[events]", "大型活动（以下为默认值）；另可写 table（等级人数表 level, attendance, headcount, posts；不写则用示例表，"
     "须由用户替换）、role_shares（须具备某角色的比例）、reserve_teams_per_point（每个支点留守队数）",
     "large events (these are the defaults); add table: level, attendance, headcount, posts (without it an example holds: "
     "replace it with your own); role_shares: share of the people who hold a role; reserve_teams_per_point: teams that stay"),
    ("# max_travel_min = 30", "到岗最长路程，分钟", "longest way to a post, minutes"),
    ("# setup_min = 30", "提前到岗，分钟", "there before the start, minutes"),
    ("# large_from = 1000", "达到此人数为大型活动", "from so many people on an event is large"),
    ("", "", ""),
    ("[sheets]", "任务单（以下为默认值）", "team sheets (these are the defaults)"),
    ('# emergency = "110"', "紧急电话", "the number to call in an emergency"),
    ('# instructions = { patrol = "..." }', "按勤务改写要点", "own words on what to do, by activity"),
    ("# pdf = false", "另存 PDF；需要 hotspot-patrol[pdf]；中文字体可用 font 指定文件",
     "a PDF beside each page; needs hotspot-patrol[pdf]; font names a font file"),
    ("", "", ""),
    ("[output]", "导出文件", "exports"),
    ('# datums = ["wgs84"]', "国内手机地图请加 gcj02", "add gcj02 for phone maps in China"),
    ("", "", ""),
    ("[assess]", "考核（以下为默认值）", "the assessment of patrols (these are the defaults)"),
    ('# ledger = "ledger.jsonl"', "成果台账，只追加不修改", "the ledger of outcomes; entries are only ever added"),
    ('# datum = "wgs84"', "轨迹坐标系：国内手机多为 gcj02", "datum of the tracks; phones in China mostly give gcj02"),
    ('# columns = { time = "定位时间" }', "轨迹文件中与标准列名不同的列", "columns of the tracks that have other names"),
    ("# buffer_m = 50", "距高发区域多少米以内算在场", "within so many metres of a hotspot a team is there"),
    ("# max_gap_min = 10", "定位间隔超过此分钟数视为中断，不补", "pings farther apart are a gap, which isn't bridged"),
    ("# max_rejected_share = 0.01", "轨迹坏行超过此比例即拒收", "more bad rows of tracks than this share: rejected"),
    ("# ring_m = 300", "转移影响范围，米", "how far around treated cells incidents may be displaced, metres"),
    ('# sources = ["report"]', "前后对比所用警情的来源", "the source of incidents that are compared before and after"),
)  # fmt: skip


def write_templates(folder: str | Path, *, language: str = "zh") -> list[Path]:
    """Writes `patrol.toml` and one example of every input file into `folder`, and returns their paths.

    Together they are a valid, tiny district, so `patrol check` accepts them as they are; every example row says that
    it is one and has an id beginning with EXAMPLE. Tables carry a byte-order mark, by which spreadsheets know UTF-8.

    Raises:
        ConfigError: an unknown language.
        OutputError: any of the files exists already (nothing is written then), or the folder can't be written.
    """
    if language not in LANGUAGES:
        raise ConfigError(f"language {language!r}: unknown; fix: use one of: {', '.join(LANGUAGES)}")
    root = Path(folder)
    contents = _contents(language)
    if there := [name for name in contents if (root / name).exists() or (root / name).is_symlink()]:
        raise OutputError(f"{root}: already there: {', '.join(there)}; fix: give a new folder, or move them away")
    try:
        root.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (root / name).write_bytes(content.encode("utf-8-sig" if name.endswith(".csv") else "utf-8"))
    except OSError as error:
        fix = "fix: choose a folder that you may write to"
        raise OutputError(f"{root}: can't be written: {error.strerror}; {fix}") from error
    return [root / name for name in contents]


def _contents(language: str) -> dict[str, str]:
    names = _NAMES[language]
    lon, lat = round((_WEST + _EAST) / 2, 6), round((_SOUTH + _NORTH) / 2, 6)
    ring = [[_WEST, _SOUTH], [_EAST, _SOUTH], [_EAST, _NORTH], [_WEST, _NORTH], [_WEST, _SOUTH]]
    community = {"id": "EXAMPLE-C01", "name": names["community"], "street": names["street"]}
    way = {"highway": "residential", "name": names["way"]}
    return {
        "patrol.toml": _config_text(language),
        "areas.geojson": _feature_text(community, {"type": "Polygon", "coordinates": [ring]}),
        "streets.geojson": _feature_text(way, {"type": "LineString", "coordinates": [[_WEST, lat], [_EAST, lat]]}),
        "incidents.csv": "id,time,lon,lat,category,source\n"
        f"EXAMPLE-1,2024-11-29 20:15,{lon},{lat},theft,report\n"
        f"EXAMPLE-2,2024-11-29 21:40,{lon},{lat},fraud,patrol\n",
        "points.csv": f"id,name,kind,lon,lat\nEXAMPLE-P01,{names['point']},office,{lon},{lat}\n",
        "teams.csv": ",".join(TEAM_COLUMNS) + "\n"
        f"EXAMPLE-T01,{names['team']},EXAMPLE-P01,community,EXAMPLE-C01,6,propagandist;mediator,walk,"
        "19:00,23:00,yes,2099-12-31\n",
        "events.csv": "id,name,lon,lat,start,end,level,attendance\n"
        f"EXAMPLE-E01,{names['event']},{lon},{lat},2024-11-30 19:00,2024-11-30 22:00,2,8000\n",
        "tracks.csv": f"team_id,time,lon,lat\nEXAMPLE-T01,2024-11-29 19:05,{lon},{lat}\n",
        "outcomes.csv": "date,team_id,kind,count\n2024-11-29,EXAMPLE-T01,hazard_removed,3\n",
    }


def _config_text(language: str) -> str:
    head = {
        "zh": "# 巡防规划配置。各文件里的 EXAMPLE 行是示例，请换成本辖区的数据；然后运行：patrol check patrol.toml",
        "en": "# Patrol planning. Rows called EXAMPLE are examples: replace them; then run: patrol check patrol.toml",
    }
    district = {"zh": "示例辖区", "en": "Example district"}[language]
    lines = [head[language], ""]
    for line, zh, en in _CONFIG:
        comment = zh if language == "zh" else en
        filled = line.replace("{district}", district).replace("{language}", language)
        lines.append(f"{filled:<34} # {comment}" if comment else filled)
    return "\n".join(lines) + "\n"


def _feature_text(properties: dict[str, Any], geometry: dict[str, Any]) -> str:
    feature = {"type": "Feature", "properties": properties, "geometry": geometry}
    return json.dumps({"type": "FeatureCollection", "features": [feature]}, ensure_ascii=False, indent=1) + "\n"
