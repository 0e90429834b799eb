"""What people write when they ask, in their own language: job titles, wishes, messages."""

from __future__ import annotations

from collections.abc import Mapping

#: use case -> language -> how one says it in the middle of a sentence.
USE_CASES: Mapping[str, Mapping[str, str]] = {
    "appointment booking": {
        "en": "online booking",
        "ja": "オンライン予約",
        "es": "citas en línea",
        "pt": "agendamento on-line",
        "id": "janji temu daring",
        "de": "Online-Terminbuchung",
    },
    "stock keeping": {
        "en": "stock keeping",
        "ja": "在庫管理",
        "es": "control de inventario",
        "pt": "controle de estoque",
        "id": "pengelolaan stok",
        "de": "Lagerverwaltung",
    },
    "invoicing": {
        "en": "invoicing",
        "ja": "請求書発行",
        "es": "facturación",
        "pt": "faturamento",
        "id": "penagihan",
        "de": "Rechnungsstellung",
    },
    "delivery tracking": {
        "en": "delivery tracking",
        "ja": "配送状況の追跡",
        "es": "seguimiento de entregas",
        "pt": "rastreamento de entregas",
        "id": "pelacakan pengiriman",
        "de": "Sendungsverfolgung",
    },
    "staff rosters": {
        "en": "staff rosters",
        "ja": "シフト管理",
        "es": "turnos del personal",
        "pt": "escalas de equipe",
        "id": "jadwal kerja karyawan",
        "de": "Dienstplanung",
    },
    "customer service": {
        "en": "customer service",
        "ja": "お客様サポート",
        "es": "atención al cliente",
        "pt": "atendimento ao cliente",
        "id": "layanan pelanggan",
        "de": "Kundenservice",
    },
}

TITLES: Mapping[str, tuple[str, ...]] = {
    "en": ("Owner", "Operations manager", "Head of IT", "Office manager", "Finance director", "Buyer"),
    "ja": ("代表取締役", "総務部長", "情報システム担当", "店長", "営業企画課長", "経理担当"),
    "es": ("Directora general", "Gerente de operaciones", "Responsable de sistemas", "Administración", "Compras"),
    "pt": ("Sócio-proprietário", "Gerente de operações", "Coordenação de TI", "Administrativo", "Compras"),
    "id": ("Pemilik", "Manajer operasional", "Staf TI", "Kepala toko", "Bagian pembelian"),
    "de": ("Geschäftsführung", "Betriebsleitung", "IT-Leitung", "Einkauf", "Verwaltung"),
}

#: Slots: company, use (as above), employees, city.
MESSAGES: Mapping[str, tuple[str, ...]] = {
    "en": (
        "We are looking at {use} for {company}, around {employees} people. Could someone show us how it works?",
        "What would {use} cost for {employees} users? We would like to decide this month.",
        "We outgrew our spreadsheets. Can you do {use} for several sites, the main one in {city}?",
        "Please call me in the morning, it is about {use}.",
        "Just comparing for now. Do you have a price list?",
        "Our present contract ends soon and nobody is happy with it. Can you move our data over?",
    ),
    "ja": (
        "{company}の者です。{use}の導入を検討しており、一度デモを拝見できますでしょうか。",
        "従業員{employees}名ほどですが、{use}の料金を教えていただけますか。",
        "現在は表計算で管理していますが、限界を感じています。{city}以外の拠点でも使えますか。",
        "{use}の件で、午前中にお電話をいただけると助かります。",
        "まだ情報収集の段階ですが、料金表をいただけますでしょうか。",
        "今の契約が来月で切れます。データの移行はお願いできますか。",
    ),
    "es": (
        "Hola, en {company} somos unas {employees} personas y buscamos {use}. ¿Nos pueden hacer una demostración?",
        "¿Cuánto costaría {use} para {employees} usuarios? Queremos decidir este mes.",
        "Ya no nos alcanza con hojas de cálculo. ¿Sirve para varias sucursales además de {city}?",
        "Por favor llámenme por la mañana, es sobre {use}.",
        "Por ahora solo estoy comparando. ¿Tienen lista de precios?",
        "Nuestro contrato actual termina pronto y nadie está contento. ¿Pueden migrar nuestros datos?",
    ),
    "pt": (
        "Olá, na {company} somos cerca de {employees} pessoas e procuramos {use}. Podem fazer uma demonstração?",
        "Quanto custaria {use} para {employees} usuários? Queremos decidir ainda este mês.",
        "As planilhas já não dão conta. Funciona para várias unidades além de {city}?",
        "Por favor, liguem de manhã. É sobre {use}.",
        "Por enquanto estou só comparando. Vocês têm uma tabela de preços?",
    ),
    "id": (
        "Halo, kami dari {company}, sekitar {employees} orang, sedang mencari {use}. Bisa minta demo?",
        "Berapa biaya {use} untuk {employees} pengguna? Kami ingin memutuskan bulan ini.",
        "Selama ini pakai lembar kerja dan sudah kewalahan. Apakah bisa untuk cabang di luar {city}?",
        "Tolong telepon saya pagi hari, tentang {use}.",
        "Saat ini masih membandingkan. Apakah ada daftar harga?",
    ),
    "de": (
        "Guten Tag, wir bei {company} sind rund {employees} Leute und suchen {use}. Können Sie uns das einmal zeigen?",
        "Was würde {use} für {employees} Nutzer kosten? Wir möchten diesen Monat entscheiden.",
        "Mit Tabellen kommen wir nicht mehr weiter. Geht das auch für Standorte außerhalb von {city}?",
        "Bitte rufen Sie mich vormittags an, es geht um {use}.",
        "Ich vergleiche im Moment nur. Haben Sie eine Preisliste?",
    ),
}

#: What people write whose card was taken at a fair.
FAIR_MESSAGES: Mapping[str, str] = {
    "en": "Saw you at the fair. Please send me something about {use}.",
    "ja": "展示会でお話を伺いました。{use}の資料をお送りください。",
    "es": "Los vi en la feria. Por favor envíenme información sobre {use}.",
    "pt": "Vi vocês na feira. Por favor, enviem material sobre {use}.",
    "id": "Saya lihat Anda di pameran. Tolong kirim informasi tentang {use}.",
    "de": "Ich habe Sie auf der Messe gesehen. Bitte schicken Sie mir etwas über {use}.",
}
