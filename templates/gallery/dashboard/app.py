"""A sales dashboard: the numbers lie beside this file, in sales.csv. Put your own there."""

from pathlib import Path

import altair as alt
import pandas as pd
import streamlit as st

DATA = Path(__file__).with_name("sales.csv")

st.set_page_config(page_title="Sales", page_icon="📊", layout="wide")


@st.cache_data
def load() -> pd.DataFrame:
    """All sales, one row per month, city and product."""
    return pd.read_csv(DATA, parse_dates=["month"])


def show_figure(place: st.delta_generator.DeltaGenerator, label: str, series: pd.Series, unit: str) -> None:
    """The last twelve months, compared with the twelve before them."""
    now, before = series.tail(12).sum(), series.iloc[-24:-12].sum()
    change = f"{now / before - 1:+.1%}" if before else None
    place.metric(label, f"{unit}{now:,.0f}", change, border=True, chart_data=series.tail(12).round())


def trend(sales: pd.DataFrame) -> alt.Chart:
    """Revenue per month, one colour per product."""
    return (
        alt.Chart(sales)
        .mark_area(opacity=0.85, interpolate="monotone")
        .encode(
            x=alt.X("yearmonth(month):T", title=None),
            y=alt.Y("sum(revenue):Q", title=None, axis=alt.Axis(format="~s")),
            color=alt.Color("product:N", title=None, legend=alt.Legend(orient="top")),
            tooltip=["product", alt.Tooltip("sum(revenue):Q", format=",.0f", title="revenue")],
        )
        .properties(height=320)
    )


def ranking(sales: pd.DataFrame) -> alt.Chart:
    """Revenue per city, the largest first."""
    return (
        alt.Chart(sales)
        .mark_bar(cornerRadiusEnd=4)
        .encode(
            x=alt.X("sum(revenue):Q", title=None, axis=alt.Axis(format="~s")),
            y=alt.Y("city:N", sort="-x", title=None),
            tooltip=["city", alt.Tooltip("sum(revenue):Q", format=",.0f", title="revenue")],
        )
        .properties(height=320)
    )


st.title("Coffee sales · 咖啡销售")
everything = load()
with st.sidebar:
    st.header("Filter · 筛选")
    cities = st.multiselect("Cities · 城市", sorted(everything["city"].unique()), placeholder="All · 全部")
    products = st.pills("Products · 产品", sorted(everything["product"].unique()), selection_mode="multi")
    st.caption("The numbers are invented; they come from `sales.csv`. · 数据是虚构的，来自 `sales.csv`。")

chosen = everything[
    everything["city"].isin(cities or everything["city"])
    & everything["product"].isin(products or everything["product"])
]
months = chosen.groupby("month")[["revenue", "units"]].sum()
figures = st.columns(3)
show_figure(figures[0], "Revenue, 12 months · 销售额", months["revenue"], "€")
show_figure(figures[1], "Units, 12 months · 销量", months["units"], "")
by_city = chosen.pivot_table("revenue", "month", "city", "sum")
best = by_city.sum().idxmax()
share = f"{by_city[best].sum() / by_city.sum().sum():.0%} of all"
figures[2].metric(
    "Best city · 最佳城市", best, share, "off", border=True, chart_data=by_city[best].tail(12).round()
)

left, right = st.columns([3, 2], gap="large")
left.subheader("Month by month · 按月")
left.altair_chart(trend(chosen), width="stretch")
right.subheader("By city · 按城市")
right.altair_chart(ranking(chosen), width="stretch")

st.subheader("All rows · 明细")
st.dataframe(
    chosen.sort_values("month", ascending=False),
    hide_index=True,
    column_config={
        "month": st.column_config.DateColumn("month", format="YYYY-MM"),
        "units": st.column_config.NumberColumn("units", format="localized"),
        "revenue": st.column_config.ProgressColumn(
            "revenue", format="€%.0f", min_value=0, max_value=float(everything["revenue"].max())
        ),
    },
)
st.download_button("Download these rows · 下载", chosen.to_csv(index=False), "selection.csv", "text/csv")
