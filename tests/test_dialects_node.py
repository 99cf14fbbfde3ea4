"""The vendors' Node clients, which write multipart, bodies and queries in ways of their own."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clients import Client, ClientError, node_client, node_environment, opened
from serving import Served, jpeg, served
from websites import website

ASPOSE = "@asposecloud/aspose-imaging-cloud"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("node") / "home") as running:
        yield running


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(0))
    return path


def test_the_node_client_of_watson(server: Served, picture: Path, photos: list[Path]) -> None:
    folder = node_environment("watson-developer-cloud@2.42.0")
    options = {"url": f"{server.url}/visual-recognition/api", "api_key": "KEY", "version_date": "2016-05-20"}
    with node_client(folder, "watson-developer-cloud:VisualRecognitionV3", options, callback=True) as watson:
        made = watson.createCollection({"name": "coats"})
        cid = {"collection_id": made["collection_id"]}
        assert watson.getCollection(cid) == made
        assert made in watson.listCollections({})["collections"]
        added = watson.addImage({**cid, "image_file": opened(picture), "metadata": {"colour": "grey"}})
        [image] = added["images"]
        assert (image["image_file"], image["metadata"]) == ("a.jpg", {"colour": "grey"})
        watson.addImage({**cid, "image_file": opened(photos[1])})
        iid = {**cid, "image_id": image["image_id"]}
        found = watson.findSimilar({**cid, "image_file": opened(picture)})["similar_images"]
        assert (len(found), found[0]["image_id"], found[0]["score"]) == (2, image["image_id"], 1)
        assert len(watson.findSimilar({**cid, "image_file": opened(picture), "limit": 1})["similar_images"]) == 1
        assert watson.setImageMetadata({**iid, "metadata": {"a": 1}}) == watson.getImageMetadata(iid) == {"a": 1}
        assert watson.deleteImageMetadata(iid) == {}
        assert watson.getImage(iid)["image_id"] == image["image_id"]
        assert len(watson.listImages(cid)["images"]) == 2
        assert watson.deleteImage(iid) == {}
        with pytest.raises(ClientError, match="404"):
            watson.getImage(iid)
        assert watson.deleteCollection(cid) == {}


class Aspose:
    """The client; each operation is a method, with the fields of its request."""

    def __init__(self, made: Client) -> None:
        self._client = made

    def __getattr__(self, operation: str) -> Any:
        request = f"{ASPOSE}:{operation[0].upper()}{operation[1:]}Request"
        return lambda **fields: getattr(self._client, operation)({"make": request, "kwargs": fields})


@pytest.fixture
def aspose(server: Served) -> Iterator[Aspose]:
    folder = node_environment(f"{ASPOSE}@22.4.0")
    with node_client(folder, f"{ASPOSE}:ImagingApi", "secret", "id", server.url) as made:
        yield Aspose(made)


def similarities(results: dict[str, Any]) -> dict[str, float]:
    return {one["imageId"]: one["similarity"] for one in results["results"]}


def test_the_node_client_of_aspose_searches(aspose: Aspose, photos: list[Path]) -> None:
    first, second, third = ({"imageData": {"bytes": str(photo)}} for photo in photos[:3])
    context = aspose.createImageSearch(detector="akaze", matchingAlgorithm="randomBinaryTree")
    cid = {"searchContextId": context["id"]}
    assert context["searchStatus"] == aspose.getImageSearchStatus(**cid)["searchStatus"] == "Idle"

    aspose.createImageFeatures(**cid, **first, imageId="a.jpg")
    aspose.uploadFile(path="Node/b c.jpg", file={"bytes": str(photos[0])})
    aspose.createImageFeatures(**cid, imagesFolder="Node")
    aspose.addSearchImage(**cid, **second, imageId="Node/d.jpg")
    assert aspose.objectExists(path="Node/d.jpg") == {"exists": True, "isFolder": False}
    assert base64.b64decode(aspose.getSearchImage(**cid, imageId="Node/d.jpg")) == photos[1].read_bytes()

    conditions = {"similarityThreshold": 90, "maxCount": 3}
    alike = {"a.jpg": 100, "Node/b c.jpg": 100}
    assert similarities(aspose.findSimilarImages(**cid, **conditions, **first)) == alike  # GET with a body
    assert similarities(aspose.findSimilarImages(**cid, **conditions, imageId="a.jpg")) == alike
    assert similarities(aspose.findSimilarImages(**cid, **conditions, **third)) == {}
    [group] = aspose.findImageDuplicates(**cid, similarityThreshold=99)["duplicates"]
    assert {one["imageId"] for one in group["duplicateImages"]} == set(alike)
    sent = aspose.extractImageFeatures(**cid, **first, imageId="x")  # GET with a body
    assert sent == {**aspose.getImageFeatures(**cid, imageId="a.jpg"), "imageId": "x"}
    assert similarities(aspose.compareImages(**cid, **first, imageId1="a.jpg")) == {"": 100}
    assert similarities(aspose.compareImages(**cid, imageId1="a.jpg", imageId2="Node/d.jpg"))["Node/d.jpg"] < 50
    aspose.createImageTag(**cid, **first, tagName="T")
    assert similarities(aspose.findImagesByTags(**cid, **conditions, tags='["T"]')) == alike

    aspose.updateImageFeatures(**cid, **second, imageId="a.jpg")
    aspose.updateSearchImage(**cid, **third, imageId="Node/d.jpg")
    assert similarities(aspose.findSimilarImages(**cid, **conditions, **second)) == {"a.jpg": 100}
    assert similarities(aspose.findSimilarImages(**cid, **conditions, **third)) == {"Node/d.jpg": 100}
    aspose.deleteImageFeatures(**cid, imageId="a.jpg")
    aspose.deleteSearchImage(**cid, imageId="Node/d.jpg")
    for operation, image_id in ((aspose.getImageFeatures, "a.jpg"), (aspose.getSearchImage, "Node/d.jpg")):
        with pytest.raises(ClientError, match="404"):
            operation(**cid, imageId=image_id)
    aspose.deleteImageSearch(**cid)
    with pytest.raises(ClientError, match="404"):
        aspose.getImageSearchStatus(**cid)


def test_the_node_client_of_aspose_asks_without_a_token_on_premise(server: Served) -> None:
    with node_client(node_environment(f"{ASPOSE}@22.4.0"), f"{ASPOSE}:ImagingApi", None, None, server.url) as made:
        assert Aspose(made).createImageSearch()["searchStatus"] == "Idle"


def test_the_node_clients_bring_keys(tmp_path: Path) -> None:
    with served(tmp_path / "home") as server:
        made = json.loads(server.command("keys", "create", "--name", "a", "--json"))
        folder, name = node_environment("watson-developer-cloud@2.42.0"), "watson-developer-cloud:VisualRecognitionV3"
        options = {"url": f"{server.url}/visual-recognition/api", "version_date": "2016-05-20"}
        with node_client(folder, name, {**options, "api_key": made["key"]}, callback=True) as watson:
            assert watson.listCollections({}) == {"collections": []}
        wrong = {**options, "api_key": "wrong"}
        with node_client(folder, name, wrong, callback=True) as watson, pytest.raises(ClientError, match="401"):
            watson.listCollections({})
        folder, name = node_environment(f"{ASPOSE}@22.4.0"), f"{ASPOSE}:ImagingApi"
        with node_client(folder, name, made["key"], made["id"], server.url) as aspose:
            assert Aspose(aspose).createImageSearch()["searchStatus"] == "Idle"
        with node_client(folder, name, "wrong", made["id"], server.url) as aspose, pytest.raises(ClientError):
            Aspose(aspose).createImageSearch()


def test_the_node_client_of_aspose_indexes_a_web_page(tmp_path: Path, photos: list[Path]) -> None:
    folder = node_environment(f"{ASPOSE}@22.4.0")
    page = b'<img src="/photo.jpg">'
    with (
        served(tmp_path / "home", "--allow-private-urls") as server,
        website(lambda path: page if path == "/" else photos[0].read_bytes()) as address,
        node_client(folder, f"{ASPOSE}:ImagingApi", "secret", "id", server.url) as made,
    ):
        aspose = Aspose(made)
        cid = {"searchContextId": aspose.createImageSearch()["id"]}
        aspose.createWebSiteImageFeatures(**cid, imagesSource=f"{address}/")
        found = aspose.findSimilarImages(**cid, similarityThreshold=90, maxCount=3, imageData={"bytes": str(photos[0])})
        assert similarities(found) == {f"{address}/photo.jpg": 100}


def test_the_node_client_of_aspose_keeps_files(aspose: Aspose, picture: Path) -> None:
    aspose.uploadFile(path="Files/a b.jpg", file={"bytes": str(picture)})
    assert base64.b64decode(aspose.downloadFile(path="Files/a b.jpg")) == picture.read_bytes()
    [entry] = aspose.getFilesList(path="Files")["value"]
    assert (entry["name"], entry["isFolder"], entry["size"]) == ("a b.jpg", False, picture.stat().st_size)
    aspose.copyFile(srcPath="Files/a b.jpg", destPath="Files/b.jpg")
    aspose.moveFile(srcPath="Files/b.jpg", destPath="Files/deep/c.jpg")
    aspose.copyFolder(srcPath="Files", destPath="Copied")
    aspose.moveFolder(srcPath="Copied", destPath="Moved")
    assert sorted(one["name"] for one in aspose.getFilesList(path="Moved")["value"]) == ["a b.jpg", "deep"]
    aspose.createFolder(path="Moved/empty")
    assert aspose.objectExists(path="Moved/empty") == {"exists": True, "isFolder": True}
    with pytest.raises(ClientError):
        aspose.deleteFolder(path="Moved")  # it holds something
    aspose.deleteFolder(path="Moved", recursive=True)
    assert aspose.objectExists(path="Moved")["exists"] is False
    [version] = aspose.getFileVersions(path="Files/a b.jpg")["value"]
    assert version["isLatest"] is True
    usage = aspose.getDiscUsage()
    assert usage["totalSize"] > usage["usedSize"] >= picture.stat().st_size
    assert aspose.storageExists(storageName="default")["exists"] is True
    aspose.deleteFile(path="Files/a b.jpg")
    with pytest.raises(ClientError):
        aspose.downloadFile(path="Files/a b.jpg")
