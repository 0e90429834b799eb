"""Companies that do not exist: a name as one would be called there, an industry, a size, a reserved domain."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from dibs.simulation.countries import City, Country, latin, native

#: Industries and how many employees the median company of each has.
INDUSTRIES: Mapping[str, int] = {
    "health": 60,
    "retail": 25,
    "manufacturing": 120,
    "software": 40,
    "education": 70,
    "logistics": 80,
    "finance": 150,
    "hospitality": 30,
    "construction": 35,
    "agriculture": 20,
    "energy": 90,
    "consulting": 12,
}

#: Width of the log-normal spread of company sizes: about two thirds lie within a factor of e^1.4, four, of the median.
SIZE_SPREAD = 1.4


@dataclass(frozen=True, slots=True)
class Company:
    """``name`` as written at home, ``domain`` under the reserved top level ``.example``, ``employees`` 1 and up."""

    name: str
    domain: str
    industry: str
    employees: int
    country: str
    city: City


@dataclass(frozen=True, slots=True)
class _Naming:
    """How companies are called in one language: own names, and by industry what stands beside them."""

    stems: tuple[str, ...]
    trades: Mapping[str, tuple[str, ...]]
    trade_first: bool = False


def _naming(stems: str, trades: str, *, trade_first: bool = False) -> _Naming:
    by_industry = [tuple(word.strip() for word in words.split("/")) for words in trades.split(";")]
    return _Naming(
        stems=tuple(stem.strip() for stem in stems.split(",")),
        trades=dict(zip(INDUSTRIES, by_industry, strict=True)),
        trade_first=trade_first,
    )


# Trades stand in the order of INDUSTRIES.
_NAMINGS: Mapping[str, _Naming] = {
    "ja": _naming(
        "みどり:Midori, 青葉:Aoba, さくら:Sakura, 北斗:Hokuto, 湊:Minato, 若葉:Wakaba, 白樺:Shirakaba, 多摩川:Tamagawa, "
        "鶴見:Tsurumi, 富士見:Fujimi, ひかり:Hikari, 瀬戸:Seto, 松風:Matsukaze, 宮の森:Miyanomori, 朝霧:Asagiri, 桜丘:Sakuragaoka, "
        "山吹:Yamabuki, 千鳥:Chidori, 清流:Seiryu, 椿:Tsubaki, 中村:Nakamura, 小林:Kobayashi, 池田:Ikeda, 清水:Shimizu",
        "メディカル:Medical/クリニック:Clinic/ホームケア:Home Care; ストア:Store/薬局:Pharmacy/マート:Mart; "
        "製作所:Works/精機:Precision/工業:Industries; システムズ:Systems/ソフト:Soft; 学園:Academy/ゼミナール:Seminar; "
        "運輸:Transport/物流:Logistics; ファイナンス:Finance/保険サービス:Insurance; ホテル:Hotel/旅館:Ryokan; "
        "建設:Construction/工務店:Builders; 農園:Farm/フーズ:Foods; エナジー:Energy/ソーラー:Solar; "
        "会計事務所:Accounting/コンサルティング:Consulting",
    ),
    "es": _naming(
        "Lumen, Sol, Norte, Miramar, Aurora, Alameda, San Telmo, Los Álamos, Horizonte, Quetzal, Ceiba, Jacaranda, Altamira, "
        "Bahía, Cordillera, Encina, Mirador, Laurel, del Valle, del Río, La Palma, Tres Ríos, Monteverde, Santa Elena",
        "Clínica/Farmacias/Centro Médico; Mercado/Tiendas/Almacenes; Talleres/Manufacturas/Industrias; Sistemas/Datos; "
        "Colegio/Instituto/Academia; Transportes/Logística/Envíos; Seguros/Créditos; Hotel/Posada/Restaurantes; "
        "Constructora/Obras; Agrícola/Huertos/Café; Energía/Solar; Consultores/Asesores",
        trade_first=True,
    ),
    "pt": _naming(
        "Ipê, Aurora, Boa Vista, Araucária, Girassol, Horizonte, Jacarandá, Mar Azul, Serra Verde, Pinheiro, Bem-te-vi, Sabiá, "
        "Paineira, Santa Clara, Novo Rumo, Três Marias, Alvorada, Cerrado",
        "Clínica/Farmácias/Laboratório; Mercado/Lojas/Modas; Indústrias/Metalúrgica; Sistemas/Dados; Colégio/Instituto; "
        "Transportes/Logística; Crédito/Seguros; Hotel/Pousada; Construtora/Obras; Agro/Fazenda; Energia/Solar; "
        "Consultoria/Contabilidade",
        trade_first=True,
    ),
    "id": _naming(
        "Harapan, Maju Bersama, Sejahtera, Sentosa, Cahaya, Melati, Nusa Indah, Bintang Timur, Karya Mandiri, Lestari, Mekar, "
        "Anggrek, Tirta, Sumber Rezeki, Bina Karsa, Sinar Pagi, Rimba Raya, Cendana",
        "Klinik/Apotek/Rumah Sakit; Toko/Swalayan/Butik; Industri/Teknik; Solusi/Data; Sekolah/Bimbel; Ekspedisi/Logistik; "
        "Koperasi/Dana; Hotel/Rumah Makan; Konstruksi/Bangunan; Tani/Kebun; Energi/Surya; Konsultan/Kantor Akuntan",
        trade_first=True,
    ),
    "de": _naming(
        "Lindenhof, Bergmann, Nordlicht, Rheintal, Eichwald, Sonnenberg, Waldheim, Steinbach, Morgenrot, Elbufer, Birkenfeld, "
        "Falkenstein, Hansehof, Mühlbach, Ahornweg, Seeblick",
        "Klinik/Apotheke/Pflege; Handel/Märkte/Mode; Maschinenbau/Werkzeuge/Metallbau; Software/Systeme; "
        "Akademie/Lernzentrum; Logistik/Spedition; Finanz/Versicherungen; Hotels/Gasthaus; Bau/Hochbau; Agrar/Hofladen; "
        "Energie/Solar; Beratung/Treuhand",
    ),
    "en": _naming(
        "Harbor, Maple, Northgate, Cedar Creek, Fairview, Blue Heron, Millbrook, Ironwood, Stonebridge, Wren, Larkspur, "
        "Brightwater, Oak Hill, Copperfield, Juniper, Tidewater, Foxglove, Kingfisher, Redwood, Lantern",
        "Clinics/Pharmacy/Health; Stores/Outfitters/Market; Manufacturing/Tooling; Software/Data; Academy/Learning; "
        "Freight/Logistics; Credit/Insurance; Hotels/Kitchens; Builders/Construction; Farms/Foods; Energy/Solar; "
        "Advisors/Partners",
    ),
}

#: Legal forms that stand before the name, not after it.
_FORMS_IN_FRONT = frozenset({"PT", "CV", "株式会社"})


def ascii_of(text: str) -> str:
    """Lower-case Latin letters and digits of ``text``, other runs as one hyphen: fit for a domain or an e-mail name."""
    plain = text.lower().replace("ß", "ss").replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    bare = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return "-".join("".join(char if char.isalnum() else " " for char in bare).split())


def draw_company(random: Random, country: Country) -> Company:
    """One company from ``country``. Sizes are log-normal about the industry's median."""
    naming = _NAMINGS[country.language]
    industry = random.choice(tuple(INDUSTRIES))
    stem, trade = random.choice(naming.stems), random.choice(naming.trades[industry])
    city = random.choice(country.cities)
    # About a third bear the name of their town too: two clinics called Aurora are two clinics.
    place = city.name if random.random() < 0.35 else ""
    employees = max(1, round(random.lognormvariate(math.log(INDUSTRIES[industry]), SIZE_SPREAD)))
    at_home = country.language == "ja" and random.random() < 0.55
    name = _compose(stem, trade, naming, place="" if at_home else place, at_home=at_home)
    if random.random() < 0.3:
        form = random.choice(country.legal_forms)
        if form in _FORMS_IN_FRONT:
            name = f"{form}{name}" if at_home else f"{form} {name}" if country.language != "ja" else f"{name} Co., Ltd."
        else:
            name = f"{name} {form}"
    domain = ascii_of(_compose(stem, trade, naming, place=place, at_home=False)) + ".example"
    return Company(name, domain, industry, employees, country.code, city)


def _compose(stem: str, trade: str, naming: _Naming, *, place: str, at_home: bool) -> str:
    if at_home:
        return native(stem) + native(trade)
    words = [latin(trade), latin(stem)] if naming.trade_first else [latin(stem), latin(trade)]
    return " ".join([*words, place] if place else words)
