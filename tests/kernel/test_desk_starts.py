from tests.desk_client import Desk


async def test_the_desk_is_up(desk: Desk) -> None:
    assert (await desk.stranger.get("/healthz")).status == 200
    assert (await desk.stranger.get("/readyz")).status == 200
    assert (await desk.stranger.get("/metrics")).status == 200


async def test_the_api_documents_itself(desk: Desk) -> None:
    document = await desk.json("/api/v1/openapi.json")
    assert document["openapi"] == "3.1.0"


async def test_an_unknown_address_of_the_api_is_a_problem(desk: Desk) -> None:
    response = await desk.get("/api/v1/nothing")
    assert response.status == 404
    assert response.content_type == "application/problem+json"
    assert (await response.json())["code"] == "not_found"
