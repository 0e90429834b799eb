"""The pages' addresses."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from dibs.web import desk, fair_play, floor, home, lead, mine, moves, people, policy, pool, publishing, review

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("language/", home.language, name="language"),
    path("available/", home.available, name="available"),
    path("faces/<slug:handle>.svg", home.face, name="face"),
    path("pools/<slug:name>/", pool.pool, name="pool"),
    path("pools/<slug:name>/leads/<uuid:lead_id>/", pool.panel, name="panel"),
    path("pools/<slug:name>/values/<slug:field>/", pool.values, name="values"),
    path("queue/<slug:name>/", pool.queue, name="queue"),
    path("queue/<slug:name>/next/", pool.take_next, name="next"),
    path("mine/", mine.mine, name="mine"),
    path("mine/held/", mine.held, name="held"),
    path("standing/", mine.standing, name="standing"),
    path("notices/", mine.notices, name="notices"),
    path("leads/<uuid:lead_id>/", lead.lead, name="lead"),
    path("leads/<uuid:lead_id>/claim/", pool.claim, name="claim"),
    path("leads/<uuid:lead_id>/skip/", pool.skip, name="skip"),
    path("leads/<uuid:lead_id>/open/", pool.open_lead, name="open"),
    path("leads/<uuid:lead_id>/<slug:act>/", desk.act, name="act"),
    path("floor/", floor.floor, name="floor"),
    path("review/", review.review, name="review"),
    path("fair-play/", fair_play.fair_play, name="fair_play"),
    path("fair-play/credits.csv", fair_play.credits_file, name="credits_file"),
    path("people/", people.people, name="people"),
    path("people/<slug:handle>/", people.one, name="person"),
    path("people/<slug:handle>/<slug:change>/", people.change, name="change_person"),
    path("moves/", moves.moves, name="moves"),
    path("moves/new/<slug:what>/", moves.new_move, name="new_move"),
    path("moves/<uuid:move_id>/", moves.move, name="move"),
    path("moves/<uuid:move_id>/progress/", moves.progress, name="move_progress"),
    path("moves/<uuid:move_id>/<slug:act>/", moves.act_on_move, name="act_on_move"),
    path("policy/", policy.policy, name="policy"),
    path("policy/edit/", publishing.edit, name="edit"),
    path("policy/back/", publishing.back, name="roll_back"),
    path("policy/cancel/", publishing.cancel, name="cancel"),
]
